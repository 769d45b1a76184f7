"""Measure what live calls wait for their results alone, and while `analyze` is always busy."""

from __future__ import annotations

import asyncio
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from rich.table import Table

from benchmarks.beside.load import Answered, analyses
from benchmarks.core.report import prepare_folder, save_report
from benchmarks.core.spread import grouped_bootstrap_interval, percentiles
from benchmarks.live.latency import check_seconds
from benchmarks.live.session import LiveOptions, live_session
from schemas.errors import CallstreamError
from stream_app.live.percentile import percentile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.beside.load import AnalyzeLoad
    from benchmarks.live.session import LiveSession

    Delays = Mapping[str, Sequence[float]]

KINDS = ("final", "first_partial", "end_of_turn")
PERCENTS = (50, 95)
DIGITS = 4
_SIDES = ("alone", "beside")


class BesideOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        calls: At once.
        rounds: Of each kind, in turns.
        agent: That answers finalized calls by insights; empty for `analyze`.
    """

    calls: int = 8
    rounds: int = 3
    agent: str = ""


class Pair(NamedTuple):
    """A round alone and one beside `analyze`: the delays of each kind (ms)."""

    alone: Delays
    beside: Delays
    analysed: Answered


def measure(live: LiveOptions, options: BesideOptions, *, out: Path) -> dict[str, Any]:
    """Return the delays of both kinds of rounds, and write ``beside.json``.

    Args:
        live: What to play and where.
        options: How many.
        out: Folder for the report.

    Raises:
        CallstreamError: Something cannot run, or the analytics has no model.
    """
    check_seconds(live.seconds)
    prepare_folder(out)
    return save_report("beside", asyncio.run(_measure(live, options)), out)


async def _measure(live: LiveOptions, options: BesideOptions) -> dict[str, Any]:
    async with live_session(live) as session:
        system = session.system
        cores = (*system.own_cores, *system.other_cores)
        async with analyses(system.settings, cores, options.agent) as load:
            _checked(await load.warm_up())  # before minutes of calls are played beside nothing
            pairs = [
                await _pair(session, load, options.calls, is_alone_first=number % 2 == 0)
                for number in range(options.rounds)
            ]
        analytics = system.settings.analytics
        setup = {**session.setup, "nice": analytics.nice, "threads": analytics.threads}
    return {
        "setup": setup,
        "options": options,
        "analysed": [pair.analysed._asdict() for pair in pairs],
        "rounds": [{name: _figures(getattr(pair, name)) for name in _SIDES} for pair in pairs],
        "delays": {kind: _compared(pairs, kind) for kind in KINDS},
    }


async def _pair(
    session: LiveSession, load: AnalyzeLoad, calls: int, *, is_alone_first: bool
) -> Pair:
    alone = await _delays(session, calls) if is_alone_first else None
    async with load.at_work() as done:
        beside = await _delays(session, calls)
    answered = _checked(done[0])
    return Pair(alone or await _delays(session, calls), beside, answered)


async def _delays(session: LiveSession, calls: int) -> Delays:
    seen = await session.observe(calls)
    return {kind: seen.delays_ms(kind) for kind in KINDS}


def _checked(answered: Answered) -> Answered:
    """Return what was done, if there were findings.

    Raises:
        CallstreamError: There were none, or only reasons why not.
    """
    if answered.calls <= answered.abstained:
        raise CallstreamError(
            f"analyze answered {answered.calls} calls and {answered.abstained} of them without "
            "findings: callstream models fetch smollm2-135m fetches what its model stands on"
        )
    return answered


def _figures(delays: Delays) -> dict[str, Any]:
    return {kind: percentiles(each) for kind, each in delays.items()}


def _compared(pairs: Sequence[Pair], kind: str) -> dict[str, Any]:
    """Return the delays of all rounds together, and how much longer they are beside `analyze`.

    The change is a share of the delay alone, with its 95 % interval under resampling.
    """
    alone = list(chain.from_iterable(pair.alone[kind] for pair in pairs))
    beside = list(chain.from_iterable(pair.beside[kind] for pair in pairs))
    found = {"alone": percentiles(alone), "beside": percentiles(beside)}
    if not alone or not beside:
        return {**found, "longer": {}}
    return {**found, "longer": {f"p{each}": _longer(alone, beside, each) for each in PERCENTS}}


def _longer(alone: Sequence[float], beside: Sequence[float], percent: int) -> dict[str, float]:
    def change(before: Sequence[float], after: Sequence[float]) -> float:
        return percentile(after, percent) / percentile(before, percent) - 1.0

    low, high = grouped_bootstrap_interval(
        [len(alone), len(beside)],
        lambda drawn: change([alone[int(n)] for n in drawn[0]], [beside[int(n)] for n in drawn[1]]),
    )
    figures = {"value": change(alone, beside), "low": low, "high": high}
    return {name: round(each, DIGITS) for name, each in figures.items()}


def table(report: Mapping[str, Any]) -> Table:
    """Return the delays of both kinds of rounds."""
    done, options = report["analysed"], report["options"]
    a_minute = median(60 * each["calls"] / each["seconds"] for each in done)
    result = Table(
        title=f"{options['calls']} live calls, alone and beside a busy analyze",
        caption=f"{options['rounds']} rounds of each; {a_minute:.0f} calls analysed a minute",
    )
    for column in ("ms", "alone", "beside", "longer by"):
        result.add_column(column, justify="right")
    for kind, found in report["delays"].items():
        for name, change in found["longer"].items():
            result.add_row(
                f"{kind.replace('_', ' ')}, {name}",
                *(f"{found[side][name]:.0f}" for side in _SIDES),
                f"{change['value']:+.1%} ({change['low']:+.1%} to {change['high']:+.1%})",
            )
    return result
