"""The picture and the tables of the comparison with others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.core.plots import colours, label_bars, new_figure, save_figure

NOTE = (
    "streams: growing utterances, an update a second and a last text, one stream at a time unless "
    "said; speed: full windows, random weights, peers without finals, callstream with them"
)


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw calls per core and word errors on real speech, and calls per core by size."""
    streams = report["streams"]
    sizes = list(dict.fromkeys(row["size"] for row in report["speed"]))
    figure, panels = new_figure(2 + len(sizes), width=3.9, height=3.6)
    names = [row["system"] for row in streams]
    shades = dict(zip(names, colours(len(names)), strict=True))
    _bars(panels[0], names, [row["calls_per_core"]["median"] for row in streams], shades)
    panels[0].set(xlabel="live calls per core")
    panels[0].set_title("real speech, bundled weights", fontsize=8)
    rates = [100 * row["word_error_rate"]["rate"] for row in streams]
    _bars(panels[1], names, rates, shades)
    panels[1].set(xlabel="word error rate, %")
    panels[1].set_title("real speech, bundled weights", fontsize=8)
    for axes, size in zip(panels[2:], sizes, strict=True):
        rows = [row for row in report["speed"] if row["size"] == size]
        own = [row["system"] for row in rows]
        values = [row["calls_per_core"]["median"] for row in rows]
        _bars(axes, own, values, dict(zip(own, colours(len(own)), strict=True)))
        axes.set(xlabel="live calls per core")
        axes.set_title(f"{size} size, random weights", fontsize=8)
    figure.suptitle(f"one core of {report['machine']['cpu']}", fontsize=8)
    save_figure(figure, path)


def _bars(axes: Any, names: list[str], values: list[float], shades: Mapping[str, Any]) -> None:
    axes.barh(range(len(names)), values, color=[shades[name] for name in names])
    axes.set_yticks(range(len(names)), [name.replace(", ", ",\n") for name in names], fontsize=6)
    axes.invert_yaxis()
    label_bars(axes)


def tables(report: Mapping[str, Any]) -> Group:
    """Return both comparisons as tables."""
    streams = Table(title="real speech, the same weights")
    for column in ("system", "CPU s / s", "calls per core", "WER", "settled p50", "p95"):
        streams.add_column(column)
    for row in report["streams"]:
        rate, delay = row["word_error_rate"], row["settled_delay_ms"]
        streams.add_row(
            row["system"],
            f"{row['cpu_s_per_audio_s']['median']:.4f}",
            _range(row["calls_per_core"]),
            _rate(rate),
            _ms(delay["p50"]),
            _ms(delay["p95"]),
        )
    speed = Table(title="speed alone, random weights")
    for column in ("size", "system", "update ms", "calls per core"):
        speed.add_column(column)
    for row in report["speed"]:
        update = f"{row['update_ms']['median']:.1f}"
        speed.add_row(row["size"], row["system"], update, _range(row["calls_per_core"]))
    return Group(streams, speed, Text(NOTE, style="dim"))


def real_speech_table(report: Mapping[str, Any]) -> Table:
    """Return the comparison on real speech as a table."""
    table = Table(title="real speech, windows of 5 s, an update a second; CPU time of one core")
    for column in ("system", "calls per core", "times the first", "WER", "more than the first"):
        table.add_column(column)
    for row in report["systems"]:
        table.add_row(
            row["system"],
            _range(row["calls_per_core"]),
            _range(row["times_the_first"]),
            _rate(row["word_error_rate"]),
            _rate(row["more_than_the_first"]),
        )
    return table


def _rate(rate: Mapping[str, float]) -> str:
    return f"{rate['rate']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"


def _range(spread: Mapping[str, float]) -> str:
    return f"{spread['median']:.1f} ({spread['low']:.1f}-{spread['high']:.1f})"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
