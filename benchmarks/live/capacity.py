"""Find how many live calls a core serves: until the finals, or the first partials, come too late.

One number after the other is played at real time through Kafka, each to a fresh broker and fresh
agents. A number is good while p95 of the delay is within its limit and nothing is lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.core.report import prepare_folder, save_report
from benchmarks.live.capacity_search import CapacitySearch
from benchmarks.live.figures import is_complete
from benchmarks.live.latency import check_seconds
from benchmarks.live.plots import plot_capacity
from benchmarks.live.session import LiveOptions, live_session
from benchmarks.live.system import BENCHMARK, BROKER
from stream_app.calls.transcribe.transcriber_state import AGENT as TRANSCRIBE

FINAL, FIRST_PARTIAL = "final", "first_partial"
LIMITS_MS = {FINAL: 1_000.0, FIRST_PARTIAL: 700.0}
MIN_SAMPLES = 5


class CapacityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the greatest number is searched for.

    Attributes:
        start: First number of calls.
        most: Never more.
        tolerance: See CapacitySearch.
        core_price: Price of one core for an hour, in any currency.
        both: Search for the limit of the first partials as well, not only of the finals.
    """

    start: int = 8
    most: int = 512
    tolerance: float = 0.15
    core_price: float = 0.04
    both: bool = True


def measure_capacity(options: LiveOptions, search: CapacityOptions, *, out: Path) -> dict[str, Any]:
    """Return the capacity and every step, and write ``capacity.json`` and ``capacity.png``.

    Raises:
        CallstreamError: Something cannot run.
    """
    check_seconds(options.seconds)
    CapacitySearch(search.start, search.most, search.tolerance)
    prepare_folder(out)
    report = asyncio.run(_measure(options, search, out))
    plot_capacity(report, out / "capacity.png")
    return report


async def _measure(options: LiveOptions, search: CapacityOptions, out: Path) -> dict[str, Any]:
    kinds = (FINAL, FIRST_PARTIAL) if search.both else (FINAL,)
    played = _Played(options)
    found = {kind: await _search(kind, search, played) for kind in kinds}
    runs = played.runs
    figures = {
        "setup": played.setup,
        "search": search,
        "limits_ms": LIMITS_MS,
        "capacity": {
            kind: capacity_figures(runs.get(number), options.transcribe_processes, search)
            for kind, number in found.items()
        },
        "runs": [runs[number] for number in sorted(runs)],
    }
    return save_report("capacity", figures, out)


@dataclass(slots=True)
class _Played:
    """The numbers of calls played so far.

    Each has a broker and agents of its own: the embedded broker keeps everything, and what it
    costs grows with that (a third of a core after 16 calls, 0.8 of one some minutes later).
    """

    options: LiveOptions
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    setup: dict[str, Any] = field(default_factory=dict)

    async def play(self, number: int) -> dict[str, Any]:
        """Return the figures at a number of calls."""
        if number not in self.runs:
            async with live_session(self.options) as session:
                self.runs[number] = await session.run(number)
                self.setup = session.setup
                session.progress.console.print(step_line(self.runs[number]))
        return self.runs[number]


async def _search(kind: str, options: CapacityOptions, played: _Played) -> int:
    """Return the greatest number that kept the limit of ``kind``; what was played counts."""
    search = CapacitySearch(options.start, options.most, options.tolerance)
    while (number := search.next_number) is not None:
        search.note(number, is_good=keeps_limit(await played.play(number), kind))
    return search.good


def keeps_limit(run: Mapping[str, Any], kind: str) -> bool:
    """Return whether a run lost nothing and p95 of a delay is within its limit.

    Too few results, because there was no time for them, break every limit.
    """
    delay = run["delays_ms"][kind]
    if delay["count"] < MIN_SAMPLES or not is_complete(run):
        return False
    return bool(delay["p95"] <= LIMITS_MS[kind])


def capacity_figures(
    run: Mapping[str, Any] | None, processes: int, options: CapacityOptions
) -> dict[str, Any]:
    """Return what a capacity means; of None that nothing kept the limit.

    Args:
        run: Of the greatest number of calls that kept the limit.
        processes: Of transcribe, a core each.
        options: With the price of a core.
    """
    if run is None:
        return {"calls": 0}
    calls = run["calls"]
    others = sum(
        share for name, share in run["cores"].items() if name not in {TRANSCRIBE, BENCHMARK, BROKER}
    )
    per_call_hour = options.core_price * (processes + others) / calls
    return {
        "calls": calls,
        "calls_per_transcribe_core": round(calls / processes, 2),
        "calls_per_core_all_agents": round(calls / (processes + others), 2),
        "cost_per_call_hour": round(per_call_hour, 6),
        "core_price_per_hour": options.core_price,
        "share_outside_models": run["share_outside_models"],
        "partial_interval_ms": run["delays_ms"]["partial_audio_interval"],
        "shed_and_stretched": {
            name: value
            for name, value in run["transcribe"]["counters"].items()
            if name in {"shed_requests", "stretched_requests"}
        },
        "is_load_generator_late": run["load_generator"]["is_late"],
    }


def step_line(run: Mapping[str, Any]) -> str:
    """Return a line that says how a number of calls went."""
    delays = run["delays_ms"]
    parts: Sequence[str] = (
        f"{run['calls']} calls",
        f"final p95 {_ms(delays[FINAL]['p95'])}",
        f"first partial p95 {_ms(delays[FIRST_PARTIAL]['p95'])}",
        f"transcribe {run['cores'][TRANSCRIBE]:.0%} of a core",
        "complete" if is_complete(run) else "not complete",
        *(() if delays[FINAL]["count"] >= MIN_SAMPLES else ("too few finals to judge",)),
    )
    return ", ".join(parts)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
