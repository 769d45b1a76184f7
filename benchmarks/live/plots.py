"""Pictures and tables of the benchmarks of live calls."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.core.plots import colours, new_figure, save_figure
from stream_app.calls.transcribe.transcriber_state import AGENT as TRANSCRIBE

NAMES = {
    "first_partial": "first partial after start of speech",
    "first_partial_of_cut": "first partial after a cut in speech",
    "partial_interval": "between two partials",
    "partial_audio_interval": "new audio between two partials",
    "word_commit": "word committed after its end",
    "final": "final after end of speech",
    "final_of_cut": "final after a cut in speech",
    "end_of_turn": "end of turn after end of speech",
    "end_of_turn_predicted": "end of turn predicted after end of speech",
}
STAGE_NAMES = {
    "until_decided": "waited for on purpose",
    "decided_to_produced": "chunk, queue, decode, produce",
    "produced_to_received": "broker and consumer",
}
LIMIT_MS = {"first_partial": 700, "final": 1_000}


def plot_latency(report: Mapping[str, Any], path: Path) -> None:
    """Draw p50, p95 and p99 of every delay, and the stages of partials and finals."""
    run = report["runs"][0]
    figure, (delays, stages) = new_figure(2, width=5.6, height=3.8)
    kinds = [kind for kind in NAMES if run["delays_ms"][kind]["count"]]
    for number, (name, colour) in enumerate(zip(("p50", "p95", "p99"), colours(3), strict=True)):
        values = [run["delays_ms"][kind][name] for kind in kinds]
        positions = [index + 0.27 * (number - 1) for index in range(len(kinds))]
        delays.barh(positions, values, 0.25, color=colour, label=name)
    delays.set_yticks(range(len(kinds)), [NAMES[kind] for kind in kinds], fontsize=7)
    delays.invert_yaxis()
    delays.set(xlabel="ms", title=f"{run['calls']} live calls at real time")
    delays.legend(fontsize=7, frameon=False)
    _draw_stages(stages, run)
    save_figure(figure, path)


def _draw_stages(axes: Any, run: Mapping[str, Any]) -> None:
    rows = [(kind, p) for kind in ("partial", "final") for p in ("p50", "p95")]
    left = [0.0] * len(rows)
    for (stage, name), colour in zip(STAGE_NAMES.items(), colours(3), strict=True):
        values = [run["stages_ms"][kind][stage][p] or 0.0 for kind, p in rows]
        axes.barh(range(len(rows)), values, left=left, color=colour, label=name)
        left = [start + value for start, value in zip(left, values, strict=True)]
    axes.set_yticks(range(len(rows)), [f"{kind} {p}" for kind, p in rows], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="ms after the last sound", title="stages, each with its own percentile")
    axes.legend(fontsize=7, frameon=False)


def plot_capacity(report: Mapping[str, Any], path: Path) -> None:
    """Draw delays, cores and partial interval over the number of calls."""
    runs = report["runs"]
    calls = [run["calls"] for run in runs]
    figure, (delays, cores, partials) = new_figure(3, width=4.0, height=3.6)
    for (kind, limit_ms), colour in zip(LIMIT_MS.items(), colours(2), strict=True):
        values = [run["delays_ms"][kind]["p95"] for run in runs]
        delays.plot(calls, values, "o-", ms=3, color=colour, label=f"{NAMES[kind]}, p95")
        delays.axhline(limit_ms, color=colour, lw=0.8, ls="--")
    delays.set(xlabel="live calls", ylabel="ms (dashed: limit)", yscale="log", title="delays")
    names = list(runs[0]["cores"])
    for name, colour in zip(names, colours(len(names)), strict=True):
        cores.plot(
            calls, [run["cores"][name] for run in runs], "o-", ms=3, color=colour, label=name
        )
    cores.set(xlabel="live calls", ylabel="cores", title="CPU")
    for name, colour in zip(("p50", "p95"), colours(2), strict=True):
        values = [run["delays_ms"]["partial_audio_interval"][name] for run in runs]
        partials.plot(calls, values, "o-", ms=3, color=colour, label=name)
    partials.set(xlabel="live calls", ylabel="ms of audio", title="between two partials")
    for axes in (delays, cores, partials):
        axes.legend(fontsize=6, frameon=False)
    figure.suptitle(report["machine"]["cpu"], fontsize=8)
    save_figure(figure, path)


def latency_table(report: Mapping[str, Any]) -> Table:
    """Return the delays of the first round as a table."""
    run = report["runs"][0]
    table = Table(title=f"{run['calls']} live calls, ms", caption=_caption(run))
    table.add_column("delay")
    for column in ("count", "p50", "p95", "p99"):
        table.add_column(column, justify="right")
    for kind, name in NAMES.items():
        _add_row(table, name, run["delays_ms"][kind])
    for stage, name in STAGE_NAMES.items():
        _add_row(table, f"final: {name}", run["stages_ms"]["final"][stage])
    return table


def capacity_table(report: Mapping[str, Any]) -> Table:
    """Return the capacities as a table."""
    table = Table(title="live calls while p95 stays within its limit")
    table.add_column("limit")
    for column in ("calls", "per transcribe core", "cost per call-hour", "outside the models"):
        table.add_column(column, justify="right")
    for kind, found in report["capacity"].items():
        name = f"{NAMES[kind]}: {report['limits_ms'][kind]:g} ms"
        if not found["calls"]:
            table.add_row(name, "0", "-", "-", "-")
            continue
        outside = found["share_outside_models"][TRANSCRIBE]
        table.add_row(
            name,
            str(found["calls"]),
            f"{found['calls_per_transcribe_core']:g}",
            f"{found['cost_per_call_hour']:.5f}",
            f"{outside:.1%}",
        )
    return table


def _add_row(table: Table, name: str, values: Mapping[str, Any]) -> None:
    cells = ["-" if values[p] is None else f"{values[p]:.0f}" for p in ("p50", "p95", "p99")]
    table.add_row(name, str(values["count"]), *cells)


def _caption(run: Mapping[str, Any]) -> str:
    found, cores = run["completeness"], run["cores"]
    outside = run["share_outside_models"][TRANSCRIBE]
    return (
        f"{found['complete_calls']} of {found['calls']} calls complete; {TRANSCRIBE}: "
        f"{cores[TRANSCRIBE]:.0%} of a core, {outside:.1%} of that outside the models"
    )
