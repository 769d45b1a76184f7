"""The figure of a report on live answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.classification.live.drift import CONFIDENCE_BINS
from models.extras.matplotlib import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from models.classification.live.drift import Shift, TaskDrift
    from stream_app.drift.report import LiveReport

_MOST_LABELS = 20
_WIDTH, _ROW_HEIGHT = 11.0, 3.2  # inches


def draw_report(report: LiveReport, path: Path) -> None:
    """Write label and confidence distributions of both windows, a row a task, as a PNG."""
    tasks = report.drift.tasks
    rows = max(len(tasks), 1)
    figure = Figure(figsize=(_WIDTH, _ROW_HEIGHT * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False, width_ratios=(2, 1))
    for (labels, confidences), (name, task) in zip(axes, tasks.items(), strict=False):
        _draw_labels(labels, name, task)
        _draw_confidences(confidences, task)
    reference, recent = report.calls
    title = f"{report.label_set}: {recent:,} calls (orange) after {reference:,} (blue)"
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _draw_labels(axes: Axes, name: str, task: TaskDrift) -> None:
    both = {
        label: (task.reference_labels.get(label, 0), task.recent_labels.get(label, 0))
        for label in (*task.reference_labels, *task.recent_labels)
    }
    shown = sorted(both, key=lambda label: -max(both[label]))[:_MOST_LABELS]
    counts = np.array([both[label] for label in shown], np.float64).reshape(-1, 2)
    shares = 100.0 * counts / np.maximum([task.labels.reference, task.labels.recent], 1)
    places = np.arange(len(shown))
    for column, offset in ((0, -0.2), (1, 0.2)):
        axes.bar(places + offset, shares[:, column], 0.4, color=f"C{column}")
    axes.set_xticks(places, shown, rotation=40, ha="right", fontsize=7)
    axes.set(ylabel="% of answers", title=f"{name}: {_about(task.labels)}")


def _draw_confidences(axes: Axes, task: TaskDrift) -> None:
    edges = np.arange(CONFIDENCE_BINS) / CONFIDENCE_BINS
    windows = (task.reference_confidences, task.recent_confidences)
    for number, counts in enumerate(windows):
        shares = 100.0 * np.array(counts) / max(sum(counts), 1)
        axes.step(edges, shares, where="post", color=f"C{number}")
    axes.set(xlabel="confidence", title=_about(task.confidences))


def _about(shift: Shift) -> str:
    return f"PSI {shift.psi:.2f}, by chance {shift.chance:.2f}" + (", look" * shift.is_large)
