"""The curves of a run, as a PNG file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from training.core.checkpoints import METRICS_NAME
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LOSSES = (
    "token",
    "tokens",
    "states",
    "phone",
    "ctc",
    "attention",
    "answer_loss",
    "validation_loss",
)
CURVE_NAME = "curve.png"
_VALIDATION_WER = "validation_wer"


def plot_run(folder: Path) -> None:
    """Write the curves of a run into its folder; without any figures there is nothing to draw."""
    rows = read_metrics(folder) if (folder / METRICS_NAME).is_file() else []
    if rows:
        plot_curves(rows, folder / CURVE_NAME)


def plot_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the losses, and the word error rate of the validations if any, as a PNG."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in _LOSSES:
        steps, values = _curve(rows, name)
        if steps:
            axes.plot(steps, values, label=name.replace("_", " "), linewidth=1)
    axes.set(xlabel="step", ylabel="loss", yscale="log", title="training")
    axes.grid(visible=True, alpha=0.3)
    steps, rates = _curve(rows, _VALIDATION_WER)
    if steps:
        axes.plot([], [], "k.-", label="validation WER, right")
        right = axes.twinx()
        right.plot(steps, [100 * rate for rate in rates], "k.-", linewidth=1)
        right.set(ylabel="word error rate, %")
        right.set_ylim(bottom=0)
    if axes.lines:
        axes.legend()
    figure.savefig(path, dpi=110)


def _curve(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    known = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    return [step for step, _ in known], [value for _, value in known]
