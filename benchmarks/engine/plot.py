"""The picture and the table of the engine benchmark."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.core.plots import colours, label_bars, new_figure, save_figure


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw the calls per core of every case, one panel for each model."""
    rows = report["rows"]
    models = list(dict.fromkeys(row["model"] for row in rows))
    ways = list(dict.fromkeys(_way(row) for row in rows))
    figure, panels = new_figure(len(models), width=4.6, height=3.8)
    for axes, model in zip(panels, models, strict=True):
        own = [row for row in rows if row["model"] == model]
        _draw_panel(axes, own, ways)
        axes.set_title(model)
    panels[0].set_ylabel("live calls per core")
    panels[-1].legend(fontsize=6, frameon=False)
    window_s, cpu = report["options"]["window_s"], report["machine"]["cpu"]
    figure.suptitle(
        f"one update a second, {window_s:g} s window, finals included; one core of {cpu}",
        fontsize=9,
    )
    save_figure(figure, path)


def _draw_panel(axes: Any, rows: Sequence[Mapping[str, Any]], ways: Sequence[str]) -> None:
    backends = list(dict.fromkeys(_backend(row) for row in rows))
    width = 0.85 / len(ways)
    for number, (way, colour) in enumerate(zip(ways, colours(len(ways)), strict=True)):
        found = {_backend(row): row["calls_per_core"] for row in rows if _way(row) == way}
        positions = [index + number * width for index in range(len(backends))]
        medians = [found[name]["median"] for name in backends]
        below = [found[name]["median"] - found[name]["low"] for name in backends]
        above = [found[name]["high"] - found[name]["median"] for name in backends]
        axes.bar(
            positions,
            medians,
            width,
            yerr=(below, above),
            label=way,
            color=colour,
            error_kw={"lw": 0.7},
        )
    axes.set_xticks([index + 0.425 - width / 2 for index in range(len(backends))], backends)
    label_bars(axes)


def table(report: Mapping[str, Any]) -> Table:
    """Return the costs as a table."""
    window_s = report["options"]["window_s"]
    result = Table(title=f"live calls per core, {window_s:g} s window, one update a second")
    for column in ("model", "back-end", "updates", "update ms", "final ms", "calls per core"):
        result.add_column(column, justify="left" if column in {"model", "back-end"} else "right")
    for row in report["rows"]:
        calls = row["calls_per_core"]
        result.add_row(
            row["model"],
            _backend(row),
            _way(row),
            f"{row['update_ms']['median']:.1f}",
            f"{row['final_ms']['median']:.1f}",
            f"{calls['median']:.1f} ({calls['low']:.1f}-{calls['high']:.1f})",
        )
    return result


def _backend(row: Mapping[str, Any]) -> str:
    return f"{row['backend']} {row['precision']}"


def _way(row: Mapping[str, Any]) -> str:
    kind = "exact" if row["exact"] else ("draft" if row["draft"] else "no draft")
    return f"batch {row['batch']}, {kind}"
