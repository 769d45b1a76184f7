"""The picture and the tables of the quality benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.plots import colours, new_figure, save_figure


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw the error rates by set and back-end, and delay against errors of the policies."""
    figure, (rates, curves) = new_figure(2, width=5.4, height=3.9)
    _draw_rates(rates, report["error_rates"])
    _draw_curves(curves, report["policies"])
    figure.suptitle(f"{report['model']}; bars: 95 % intervals over utterances", fontsize=8)
    save_figure(figure, path)


def _draw_rates(axes: Any, rows: list[dict[str, Any]]) -> None:
    sets = list(dict.fromkeys(row["set"] for row in rows))
    series = list(dict.fromkeys(_series(row) for row in rows))
    width = 0.85 / len(series)
    for number, (name, colour) in enumerate(zip(series, colours(len(series)), strict=True)):
        own = {row["set"]: row["word_error_rate"] for row in rows if _series(row) == name}
        found = [(place, own[each]) for place, each in enumerate(sets) if each in own]
        axes.bar(
            [place + number * width for place, _ in found],
            [100 * rate["rate"] for _, rate in found],
            width,
            yerr=(
                [100 * (rate["rate"] - rate["low"]) for _, rate in found],
                [100 * (rate["high"] - rate["rate"]) for _, rate in found],
            ),
            color=colour,
            label=name,
            error_kw={"lw": 0.7},
        )
    axes.set_xticks([n + 0.42 - width / 2 for n in range(len(sets))], sets, fontsize=6, rotation=20)
    axes.set(ylabel="word error rate, %", title="by set")
    axes.legend(fontsize=6, frameon=False)


def _draw_curves(axes: Any, rows: list[dict[str, Any]]) -> None:
    names = list(dict.fromkeys(row["policy"] for row in rows))
    for name, colour in zip(names, colours(len(names)), strict=True):
        own = [row for row in rows if row["policy"] == name and row["commit_delay_ms"]["count"]]
        delays = [row["commit_delay_ms"]["p50"] for row in own]
        rates = [100 * row["word_error_rate"]["rate"] for row in own]
        axes.plot(delays, rates, "o-", ms=4, color=colour, label=name.replace("_", " "))
        for row, delay, rate in zip(own, delays, rates, strict=True):
            axes.annotate(
                _point(row), (delay, rate), fontsize=5, xytext=(3, 3), textcoords="offset points"
            )
    axes.set(
        xlabel="word committed after its end, median, ms of audio",
        ylabel="word error rate of what was committed, %",
        title="policies on the same audio",
    )
    axes.legend(fontsize=6, frameon=False)


def _point(row: Mapping[str, Any]) -> str:
    if row["policy"] == "local_agreement":
        return f"every {row['interval_ms']} ms"
    return f"guard {row['guard_ms']} ms" if row["guard_ms"] is not None else ""


def tables(report: Mapping[str, Any]) -> Group:
    """Return everything as tables."""
    rates = Table(title=f"word error rates of {report['model']}")
    for column in ("set", "line", "back-end", "WER", "95 %", "against the first", "CPU s / s"):
        rates.add_column(column)
    for row in report["error_rates"]:
        rates.add_row(*_rate_cells(row))
    policies = Table(title="policies: word committed after its end, ms of audio")
    for column in ("policy", "p50", "p95", "WER", "before the final"):
        policies.add_column(column)
    for row in report["policies"]:
        delay, early = row["commit_delay_ms"], row["early_share"]
        policies.add_row(
            f"{row['policy']} {_point(row)}",
            _ms(delay["p50"]),
            _ms(delay["p95"]),
            f"{row['word_error_rate']['rate']:.1%}",
            "-" if early is None else f"{early:.0%}",
        )
    parts: list[Any] = [rates, policies]
    if (silent := report["non_speech"]) is not None:
        parts.append(Text(f"{silent['words']} words in {silent['minutes']:g} min without speech"))
    return Group(*parts)


def _rate_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    rate, difference = row["word_error_rate"], row.get("difference")
    against = "-"
    if difference is not None:
        against = (
            f"{difference['rate']:+.2%} ({difference['low']:+.1%} to {difference['high']:+.1%})"
        )
    return (
        row["set"],
        row["line"],
        f"{row['backend']} {row['precision']}",
        f"{rate['rate']:.1%}",
        f"{rate['low']:.1%} to {rate['high']:.1%}",
        against,
        f"{row['cpu_s_per_audio_s']:.4f}",
    )


def _series(row: Mapping[str, Any]) -> str:
    return f"{row['backend']} {row['precision']}, {row['line']}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
