"""The picture and the tables of the quality benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.core.plots import colours, new_figure, save_figure
from benchmarks.quality.bars import VERDICTS


def plot(report: Mapping[str, Any], path: Path) -> None:
    """Draw the error rates by set and system, and delay against errors of the policies."""
    panels = 2 if report["policies"] else 1
    figure, axes = new_figure(panels, width=5.4 * (3 - panels), height=3.9)
    _draw_rates(axes[0], report["error_rates"])
    if report["policies"]:
        _draw_curves(axes[1], report["policies"])
    figure.suptitle("bars: 95 % intervals over recordings", fontsize=8)
    save_figure(figure, path)


def _draw_rates(axes: Any, rows: list[dict[str, Any]]) -> None:
    sets = list(dict.fromkeys(row["set"] for row in rows))
    series = list(dict.fromkeys(_series(row) for row in rows))
    width = 0.85 / len(series)
    for number, (name, colour) in enumerate(zip(series, colours(len(series)), strict=True)):
        own = {row["set"]: row["word_error_rate"] for row in rows if _series(row) == name}
        found = [(index, own[each]) for index, each in enumerate(sets) if each in own]
        axes.bar(
            [index + number * width for index, _ in found],
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
    labels = dict.fromkeys(row["system"] for row in report["error_rates"])
    parts: list[Any] = [_rate_table(label, report["error_rates"]) for label in labels]
    parts.append(_system_table(report))
    if report["policies"]:
        parts.append(_policy_table(report["policies"]))
    parts += [Text(_non_speech_line(row)) for row in report["non_speech"]]
    judged = dict.fromkeys(bar["system"] for bar in report["bars"])
    parts += [_bar_table(label, report["bars"]) for label in judged]
    return Group(*parts)


def _non_speech_line(row: Mapping[str, Any]) -> str:
    without = row["without_detection"]
    return (
        f"{row['system']}: {row['words']} words in {row['minutes']:g} min without speech "
        f"{_kinds(row)}; {without['words']} in {without['decodes']} stretches of it without voice "
        f"activity detection {_kinds(without)}"
    )


def _kinds(row: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in row["words_by_kind"].items())
    return f"({kinds})" if kinds else "(none)"


def _bar_table(system: str, bars: list[dict[str, Any]]) -> Table:
    """Return the limits that a system is held against, those that do not hold first."""
    own = [bar for bar in bars if bar["system"] == system]
    passed = sum(bar["verdict"] == "pass" for bar in own)
    table = Table(title=f"{system} passes {passed} of {len(own)} bars")
    for column in ("bar", "measured", "at most", "verdict"):
        table.add_column(column)
    for bar in sorted(own, key=lambda bar: VERDICTS.index(bar["verdict"])):
        cells = (_bar_figure(bar["measured"], bar), _bar_figure(bar["limit"], bar))
        table.add_row(bar["name"], *cells, bar["verdict"])
    return table


def _bar_figure(value: float | None, bar: Mapping[str, Any]) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if bar["is_rate"] else f"{value:.3g}"


def _rate_table(system: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"word errors of {system}")
    for column in ("set", "clips", "words", "WER, %", "95 %", "to the first", "no guards", "away"):
        table.add_column(column)
    for row in rows:
        if row["system"] == system:
            table.add_row(*_rate_cells(row))
    return table


def _rate_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    rate, difference = row["word_error_rate"], row.get("difference")
    against = "-"
    if difference is not None:
        low, high = 100 * difference["low"], 100 * difference["high"]
        against = f"{100 * difference['rate']:+.1f} ({low:+.1f} to {high:+.1f})"
    return (
        row["set"] if row["line"] == "telephone" else f"{row['set']}, {row['line']}",
        str(rate["utterances"]),
        str(rate["words"]),
        f"{100 * rate['rate']:.1f}",
        f"{100 * rate['low']:.1f} to {100 * rate['high']:.1f}",
        against,
        f"{100 * row['word_error_rate_without_guards']:.1f}",
        str(row["runaways"]),
    )


def _system_table(report: Mapping[str, Any]) -> Table:
    """Return the summary of each system; its ratio is the geometric mean over the real sets."""
    table = Table(title="systems")
    for column in ("system", "ratio to the first", "runaways", "of pieces", "decode s"):
        table.add_column(column)
    of_pieces = {row["system"]: row for row in report["pieces"]}
    for row in report["systems"]:
        pieces = of_pieces.get(row["system"])
        table.add_row(
            row["system"],
            _ratio(row["ratio"]),
            str(row["runaways"]),
            "-" if pieces is None else f"{pieces['runaways']} of {pieces['pieces']}",
            f"{row['decode_s']:.1f}",
        )
    return table


def _ratio(ratio: Mapping[str, Any] | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio['mean']:.3f} ({ratio['low']:.3f} to {ratio['high']:.3f})"


def _policy_table(rows: list[dict[str, Any]]) -> Table:
    policies = Table(title="policies: word committed after its end, ms of audio")
    for column in ("policy", "p50", "p95", "WER", "before the final"):
        policies.add_column(column)
    for row in rows:
        delay, early = row["commit_delay_ms"], row["early_share"]
        policies.add_row(
            f"{row['policy']} {_point(row)}",
            _ms(delay["p50"]),
            _ms(delay["p95"]),
            f"{row['word_error_rate']['rate']:.1%}",
            "-" if early is None else f"{early:.0%}",
        )
    return policies


def _series(row: Mapping[str, Any]) -> str:
    return f"{row['system']}, {row['line']}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
