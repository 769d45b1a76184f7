"""Plots of an experiment's figures, as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.turns.evaluation.measures import SetResult
    from training.turns.evaluation.record import TrainingRecord
    from training.turns.evaluation.summary import Summary

_DPI = 110
_LIGHT = 0.5  # of the darkest cell; above it, text is white
_LABELS = ("incomplete", "complete")


def draw_all(records: Sequence[TrainingRecord], summary: Summary, folder: Path) -> None:
    """Write every plot of some models into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for record in records:
        for result in record.measured:
            path = folder / f"cm_{result.model}_on_{result.set}.png"
            _save(draw_confusion(result), path)
    _save(draw_cross_table(summary), folder / "cross_table.png")
    own = [found for record in records if (found := record.on(record.set)) is not None]
    _save(draw_thresholds(own), folder / "thresholds.png")
    _save(draw_reliability(own), folder / "reliability.png")
    if summary.learning_curve:
        _save(draw_learning_curve(summary), folder / "learning_curve.png")


def draw_confusion(result: SetResult) -> Figure:
    """Return the four counts of a model on a set."""
    counts = [
        [result.incomplete - result.false_interrupts, result.false_interrupts],
        [result.false_waits, result.complete - result.false_waits],
    ]
    figure, axes = _axes((4.2, 3.8))
    axes.imshow(counts, cmap="Blues", vmin=0)
    highest = max(max(row) for row in counts)
    remarks = (("", "\ninterrupts"), ("\nwaits", ""))
    for row in range(2):
        for column in range(2):
            text = f"{counts[row][column]:,}{remarks[row][column]}"
            color = "white" if counts[row][column] > _LIGHT * highest else "black"
            axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks([0, 1], _LABELS)
    axes.set_yticks([0, 1], _LABELS, rotation=90, va="center")
    title = f"{result.model} on {result.set}: {result.accuracy:.1%}"
    axes.set(xlabel="judged", ylabel="is", title=title)
    return figure


def draw_cross_table(summary: Summary) -> Figure:
    """Return the accuracy of every model on every set as a heat map."""
    models = list(dict.fromkeys(row.model for row in summary.rows))
    sets = list(dict.fromkeys(row.set for row in summary.rows))
    values = [[float("nan")] * len(sets) for _ in models]
    for one in summary.rows:
        values[models.index(one.model)][sets.index(one.set)] = one.accuracy
    figure, axes = _axes((2.5 + 1.1 * len(sets), 1.4 + 0.42 * len(models)))
    axes.imshow(values, cmap="viridis", aspect="auto")
    known = [value for row in values for value in row if value == value]  # noqa: PLR0124, not NaN
    middle = (min(known) + max(known)) / 2
    for index, row in enumerate(values):
        for column, value in enumerate(row):
            color = "white" if value < middle else "black"
            axes.text(column, index, f"{value:.1%}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(sets)), sets)
    axes.set_yticks(range(len(models)), models)
    axes.set(xlabel="test set", ylabel="model", title="accuracy")
    return figure


def draw_learning_curve(summary: Summary) -> Figure:
    """Return accuracy against training examples, with its 95 % interval."""
    points = summary.learning_curve
    figure, axes = _axes((6.0, 4.0))
    middle = [100 * point.accuracy for point in points]
    below = [100 * (point.accuracy - point.interval.low) for point in points]
    above = [100 * (point.interval.high - point.accuracy) for point in points]
    sizes = [point.examples for point in points]
    axes.errorbar(sizes, middle, yerr=[below, above], marker="o", capsize=3)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="training examples", ylabel="accuracy, %", title=f"{summary.curve_set} set")
    axes.grid(visible=True, alpha=0.3)
    return figure


def draw_thresholds(results: Sequence[SetResult]) -> Figure:
    """Return false interrupts against false waits, one curve for each model."""
    figure, axes = _axes((6.0, 4.5))
    for one in results:
        waits = [100 * operation.waits for operation in one.operations]
        interrupts = [100 * operation.interrupts for operation in one.operations]
        axes.plot(waits, interrupts, label=f"{one.model} on {one.set}", linewidth=1.2)
    axes.set(
        xlabel="false waits, % of the complete",
        ylabel="false interrupts, % of the incomplete",
        title="every threshold",
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def draw_reliability(results: Sequence[SetResult]) -> Figure:
    """Return the share of complete utterances against the predicted probability."""
    figure, axes = _axes((5.0, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for one in results:
        given = [found.confidence for found in one.bins]
        shares = [found.right for found in one.bins]
        label = f"{one.model} on {one.set}: error {one.calibration_error:.3f}"
        axes.plot(given, shares, marker=".", label=label, linewidth=1.2)
    axes.set(xlabel="probability given", ylabel="share complete", title="reliability")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def _axes(size: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=_DPI)
