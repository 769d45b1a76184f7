"""Plots of a model's figures, as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.classification.evaluation.measures import LabelFigures
    from training.classification.evaluation.results import Evaluation, SplitResult, TaskResult

_DPI = 90
_COLUMNS = 8
_CELL = 1.5  # inches of one matrix
_LIGHT = 0.5  # of a cell's share; above it, text is white


def draw_all(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write every plot of a model into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, split in evaluation.splits.items():
        for task in split.tasks.values():
            path = folder / f"confusions_{name}_{task.figures.task}.png"
            draw_confusions(task, f"{task.figures.task}, {name}").savefig(path, dpi=_DPI)
            written.append(path)
        path = folder / f"reliability_{name}.png"
        draw_reliability(split).savefig(path, dpi=_DPI)
        written.append(path)
        path = folder / f"coverage_{name}.png"
        draw_coverage(split).savefig(path, dpi=_DPI)
        written.append(path)
    return written


def draw_confusions(task: TaskResult, title: str) -> Figure:
    """Return one page with the four counts of every label of a task against all others."""
    labels = [each for each in task.figures.labels if each.has or each.given]
    lines = max(1, -(-len(labels) // _COLUMNS))
    columns = min(_COLUMNS, max(1, len(labels)))
    figure = Figure(figsize=(_CELL * columns + 0.4, _CELL * lines + 0.8), layout="constrained")
    figure.suptitle(f"{title}: rows are, columns were answered", fontsize=9)
    grid = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for axes, label in zip(grid, labels, strict=False):
        _draw_label(axes, label)
    for axes in grid[len(labels) :]:
        axes.set_axis_off()
    return figure


def _draw_label(axes: Any, label: LabelFigures) -> None:
    missed, false = label.has - label.right, label.given - label.right
    other = label.rows - label.has - false
    counts = np.array([[label.right, missed], [false, other]], float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(2):
        for column in range(2):
            color = "white" if shares[row, column] > _LIGHT else "black"
            text = f"{int(counts[row, column]):,}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=7)
    axes.set_xticks([0, 1], ["it", "other"], fontsize=6)
    axes.set_yticks([0, 1], ["it", "other"], fontsize=6)
    axes.set_title(label.label[:28], fontsize=6, parse_math=False)


def draw_reliability(split: SplitResult) -> Figure:
    """Return the share of right answers against the confidence given, a line for each task."""
    figure, axes = _axes((5.0, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, task in split.tasks.items():
        axes.plot(
            [each.confidence for each in task.bins],
            [each.right for each in task.bins],
            marker=".",
            linewidth=1.2,
            label=f"{name}: error {task.calibration_error:.3f}",
        )
    title = f"reliability, {split.split}"
    axes.set(xlabel="confidence given", ylabel="share right", title=title)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def draw_coverage(split: SplitResult) -> Figure:
    """Return accuracy against the share of calls answered, one point a threshold."""
    figure, axes = _axes((5.0, 4.0))
    for name, task in split.tasks.items():
        curve: Sequence[Any] = [each for each in task.thresholds if each.coverage]
        if curve:
            axes.plot(
                [100 * each.coverage for each in curve],
                [100 * each.accuracy for each in curve],
                marker=".",
                linewidth=1.2,
                label=name,
            )
    axes.set(xlabel="answered, %", ylabel="right, %", title=f"abstention, {split.split}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _axes(size: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()
