"""Measure how long some live calls wait for their results, through Kafka, from outside."""

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.core.report import prepare_folder, save_report
from benchmarks.core.spread import spread_of
from benchmarks.live.figures import DELAYS
from benchmarks.live.plots import plot_latency
from benchmarks.live.session import LEAST_SECONDS, LiveOptions, live_session
from schemas.errors import ConfigurationError


def measure_latency(options: LiveOptions, *, calls: int, rounds: int, out: Path) -> dict[str, Any]:
    """Return the delays of each round, and write ``latency.json`` and ``latency.png``.

    Args:
        options: What to play and where.
        calls: At once.
        rounds: One after the other, with the same agents.
        out: Folder for the report.

    Raises:
        CallstreamError: Something cannot run.
    """
    check_seconds(options.seconds)
    prepare_folder(out)
    report = asyncio.run(_measure(options, calls, rounds, out))
    plot_latency(report, out / "latency.png")
    return report


def check_seconds(seconds: float) -> None:
    """Do nothing if calls are long enough for a steady state.

    Raises:
        ConfigurationError: They are not.
    """
    if seconds < LEAST_SECONDS:
        raise ConfigurationError(f"a call lasts at least {LEAST_SECONDS:g} s")


async def _measure(options: LiveOptions, calls: int, rounds: int, out: Path) -> dict[str, Any]:
    async with live_session(options) as session:
        runs = [await session.run(calls) for _ in range(rounds)]
        setup = session.setup
    return save_report("latency", {"setup": setup, "runs": runs, "spread": _spreads(runs)}, out)


def _spreads(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return median and range of each round's p50 and p95."""
    return {
        kind: {
            name: spread_of([v for run in runs if (v := run["delays_ms"][kind][name]) is not None])
            for name in ("p50", "p95", "p99")
        }
        for kind in DELAYS
    }
