"""The picture and the tables of the timing of turns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.core.plots import colours, new_figure, save_figure

KINDS = ("mid_sentence", "dictation", "between_sentences")
LONGEST_DELAY_MS = 2_600  # of the pictures
ROOM_FOR_LEGEND = 135  # per cent


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw false cut-offs against delay, a panel for each set, and the kinds of pauses."""
    sets = {name: one for name, one in report["sets"].items() if _has_doubtless(one)}
    figure, axes = new_figure(len(sets) + 1, width=4.9, height=3.9)
    for panel, (name, one) in zip(axes, sets.items(), strict=False):
        _draw_curves(panel, one["systems"], f"{name}: {one['turns']} turns")
    first = next(iter(sets.values()))
    _draw_kinds(axes[-1], [row for row in first["systems"] if row["is_default"]])
    figure.suptitle(f"{report['models']['turns']}; bars: 95 % intervals over calls", fontsize=8)
    save_figure(figure, path)


def _has_doubtless(one: Mapping[str, Any]) -> bool:
    """Return whether a set has pauses after which more of the turn is certain to come."""
    counts = one["systems"][0]["figures"]["counts"]
    return any(counts.get(kind) for kind in KINDS[:2])


def _systems(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["system"] for row in rows))


def _draw_curves(axes: Any, rows: list[dict[str, Any]], title: str) -> None:
    names = _systems(rows)
    for name, colour in zip(names, colours(len(names)), strict=True):
        own = [
            row
            for row in rows
            if row["system"] == name and row["figures"]["delay_p50_ms"] is not None
        ]
        points = sorted(
            (row["figures"]["delay_p50_ms"], 100 * row["figures"]["false_cut_off_rate"])
            for row in own
        )
        axes.plot(*zip(*points, strict=True), ".-", ms=3, lw=1, color=colour, label=name)
        for row in own:
            if row["is_default"]:
                _draw_default(axes, row, colour)
    axes.set(
        xlabel="end of turn known after it, median, ms of audio",
        ylabel="mid-turn pauses cut off, %",
        title=title,
        xlim=(0, LONGEST_DELAY_MS),
        ylim=(0, 100),
    )
    axes.legend(fontsize=6, frameon=False)


def _draw_default(axes: Any, row: Mapping[str, Any], colour: Any) -> None:
    figures = row["figures"]
    delay_ms, rate = figures["delay_p50_ms"], figures["false_cut_off_rate"]
    low, high = figures["false_cut_off_interval"]
    axes.errorbar(
        delay_ms,
        100 * rate,
        yerr=([100 * max(rate - low, 0)], [100 * max(high - rate, 0)]),
        fmt="o",
        ms=5,
        color=colour,
        elinewidth=0.8,
    )
    axes.annotate(
        f"{row['setting']:g}",
        (delay_ms, 100 * rate),
        fontsize=5,
        xytext=(4, 3),
        textcoords="offset points",
    )


def _draw_kinds(axes: Any, rows: list[dict[str, Any]]) -> None:
    width = 0.85 / len(rows)
    for number, (row, colour) in enumerate(zip(rows, colours(len(rows)), strict=True)):
        rates = [100 * row["figures"]["by_kind"].get(kind, 0.0) for kind in KINDS]
        positions = [index + number * width for index in range(len(KINDS))]
        axes.bar(positions, rates, width, color=colour, label=f"{row['system']} {row['setting']:g}")
    labels = [kind.replace("_", "\n") for kind in KINDS]
    axes.set_xticks([n + 0.42 - width / 2 for n in range(len(KINDS))], labels, fontsize=6)
    axes.set(ylabel="pauses cut off, %", title="by kind of pause", ylim=(0, ROOM_FOR_LEGEND))
    axes.set_yticks(range(0, 101, 20))
    axes.legend(fontsize=5, frameon=False, ncols=2, loc="upper center")


def tables(report: Mapping[str, Any]) -> Group:
    """Return everything as tables."""
    parts: list[Any] = []
    for name, one in report["sets"].items():
        parts += [_system_table(name, one), *_comparison_lines(one)]
    if report["sweep"]:
        parts.append(_sweep_table(report["sweep"]))
    parts += [Text(line) for line in report["skipped"]]
    return Group(*parts)


def _system_table(name: str, one: Mapping[str, Any]) -> Table:
    counts = one["systems"][0]["figures"]["counts"]
    pauses = ", ".join(f"{counts.get(kind, 0)} {kind.replace('_', ' ')}" for kind in KINDS)
    table = Table(title=f"{name}: {one['calls']} calls, {one['turns']} turns; pauses: {pauses}")
    columns = ("system", "setting", "cut off", "95 %", "mid", "dictation", "between")
    for column in (*columns, "delay p50", "p95", "missed", "elsewhere"):
        table.add_column(column)
    for row in one["systems"]:
        if row["is_default"]:
            table.add_row(*_system_cells(row))
    return table


def _system_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = row["figures"]
    low, high = figures["false_cut_off_interval"]
    kinds = (figures["by_kind"].get(kind) for kind in KINDS)
    return (
        row["system"],
        f"{row['setting']:g}",
        f"{figures['false_cut_off_rate']:.1%}",
        f"{low:.1%} to {high:.1%}",
        *("-" if rate is None else f"{rate:.1%}" for rate in kinds),
        _ms(figures["delay_p50_ms"]),
        _ms(figures["delay_p95_ms"]),
        f"{figures['missed']:.1%}",
        f"{figures['elsewhere']:.2f}",
    )


def _comparison_lines(one: Mapping[str, Any]) -> list[Text]:
    lines = [
        Text(
            f"{row['system']}: {row['delay_p50_ms']:.0f} ms where silence with as few cut-offs"
            f" ({row['false_cut_off_rate']:.1%}) takes {_ms(row['silence_delay_p50_ms'])} ms"
        )
        for row in one["equal_cut_offs"]
    ]
    if (predicted := one["predictions"]) is not None:
        lines.append(
            Text(
                f"predictions: {predicted['predicted']:.0%} of the ends, p50"
                f" {_ms(predicted['delay_p50_ms'])} ms; in {predicted['paused_rate']:.0%} of the"
                f" mid-turn pauses; {predicted['withdrawn']:.2f} withdrawn a turn"
            )
        )
    return lines


def _sweep_table(choices: Sequence[Mapping[str, Any]]) -> Table:
    names = list(choices[0]["trial"]["settings"])
    table = Table(title="fastest settings within a budget, chosen on other calls")
    for column in ("budget", *(name.replace("_", " ") for name in names), "cut off", "delay p50"):
        table.add_column(column)
    for choice in choices:
        settings, figures = choice["trial"]["settings"], choice["figures"]
        table.add_row(
            f"{choice['budget']:.0%}",
            *(f"{settings[name]:g}" for name in names),
            f"{figures['false_cut_off_rate']:.1%}",
            _ms(figures["delay_p50_ms"]),
        )
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
