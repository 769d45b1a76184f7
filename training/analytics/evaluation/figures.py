"""Plots of an evaluation, as PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.extras.matplotlib import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.analytics.evaluation.results import Report, SetResult

_DPI = 90
_LIGHT = 0.5  # of a cell's share; above it, text is white
_INCHES = 4.2  # of a matrix
_COLUMNS = 3
_LETTERS = 24  # of a label that are shown
_JITTER = 1.2  # points, so that equal scores do not hide one another


def draw_all(report: Report, folder: Path) -> list[Path]:
    """Write every plot of an evaluation into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []

    def save(figure: Figure, *names: str) -> None:
        path = folder / f"{'_'.join(names).replace(' ', '_')}.png"
        figure.savefig(path, dpi=_DPI)
        written.append(path)

    for kind, model in report.models.items():
        for name, result in model.sets.items():
            where = f"{kind}, {name}"
            if result.confusions:
                save(draw_confusions(result, where), "confusions", kind, name)
            if result.confidences:
                save(draw_reliability(result, where), "reliability", kind, name)
            if result.churn:
                save(draw_churn(result.churn, where), "churn", kind, name)
    return written


def draw_confusions(result: SetResult, where: str) -> Figure:
    """Return one page with how often each label was answered for each, a matrix for each task."""
    lines = -(-len(result.confusions) // _COLUMNS)
    figure = Figure(figsize=(_INCHES * _COLUMNS, _INCHES * lines), layout="tight")
    figure.suptitle(f"{where}: rows are, columns were answered", fontsize=9)
    grid = figure.subplots(lines, _COLUMNS, squeeze=False).ravel()
    for axes, (task, pairs) in zip(grid, result.confusions.items(), strict=False):
        _draw_matrix(axes, task, pairs)
    for axes in grid[len(result.confusions) :]:
        axes.set_axis_off()
    return figure


def _draw_matrix(axes: Any, task: str, pairs: Sequence[tuple[str, str, int]]) -> None:
    labels = sorted({label for has, given, _ in pairs for label in (has, given)})
    counts = np.zeros((len(labels), len(labels)))
    for has, given, count in pairs:
        counts[labels.index(has), labels.index(given)] = count
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if shares[row, column] > _LIGHT else "black"
        text = f"{int(counts[row, column])}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=6)
    places, names = range(len(labels)), [label[:_LETTERS] for label in labels]
    axes.set_xticks(places, names, rotation=60, ha="right", fontsize=6)
    axes.set_yticks(places, names, fontsize=6)
    axes.set_title(task, fontsize=8)


def draw_reliability(result: SetResult, where: str) -> Figure:
    """Return the share of right answers against the confidence given, a line for each task."""
    figure = Figure(figsize=(5.5, 5.0), layout="tight")
    axes: Any = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for task, found in result.confidences.items():
        axes.plot(
            [each.confidence for each in found.bins],
            [each.right for each in found.bins],
            marker=".",
            linewidth=1.2,
            label=f"{task}: error {found.error:.3f}",
        )
    axes.set(xlabel="confidence given", ylabel="share right", title=f"reliability: {where}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=7)
    return figure


def draw_churn(pairs: Sequence[tuple[int, int]], where: str) -> Figure:
    """Return the churn risk answered against the one that is, with the borders of the bands."""
    figure = Figure(figsize=(5.0, 5.0), layout="tight")
    axes: Any = figure.subplots()
    points = np.array(pairs, float)
    points += np.random.default_rng(0).uniform(-_JITTER, _JITTER, points.shape)
    axes.plot([0, 100], [0, 100], color="grey", linewidth=0.8)
    for border in (40, 70):
        axes.axhline(border, color="grey", linewidth=0.5, linestyle=":")
        axes.axvline(border, color="grey", linewidth=0.5, linestyle=":")
    axes.plot(points[:, 0], points[:, 1], ".", markersize=4, alpha=0.4)
    axes.set(xlabel="is", ylabel="was answered", title=f"churn risk: {where}")
    return figure
