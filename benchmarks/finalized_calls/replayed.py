"""Recordings replayed through broker and agents, and the outcomes of their calls."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.live.call_meter import Completeness, Received
from benchmarks.live.run import SilentListener, Watcher, watching
from benchmarks.live.system import LiveSystem
from schemas import catalogue
from schemas.errors import BrokerError
from schemas.turns import FinalizedCall
from stream_app.demo.report import channel_text
from stream_app.replay.discovery import Recording
from stream_app.replay.pacer import SystemClock
from stream_app.replay.plan import PlannedCall, mint_run, plan_calls
from stream_app.replay.publisher import open_publisher
from stream_app.replay.session import Replay, ReplayOptions

SILENCE_LIMIT_S = 60.0  # without any result: none will come any more
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a call.

    Attributes:
        text: Of its finalized call; empty where none came.
        is_complete: Whether that call came whole, and every deterministic message before it.
    """

    text: str
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Played:
    """The outcomes of all calls, in their order, and what happened meanwhile."""

    outcomes: list[Outcome]
    dead_letters: int
    has_restarted: bool
    elapsed_s: float

    @property
    def facts(self) -> dict[str, Any]:
        """What a reader has to know before the figures count."""
        return {
            "calls": len(self.outcomes),
            "complete_calls": sum(outcome.is_complete for outcome in self.outcomes),
            "dead_letters": self.dead_letters,
            "restarted_agents": self.has_restarted,
            "elapsed_s": round(self.elapsed_s, 1),
        }


async def play_recordings(
    system: LiveSystem, recordings: Sequence[tuple[str, Path]], options: ReplayOptions
) -> Played:
    """Return the outcomes of recordings of one channel each.

    Args:
        system: Broker and agents, ready.
        recordings: Name and file of each.
        options: How they are replayed.

    Raises:
        CallstreamError: A file cannot be replayed, or the broker or an agent is gone.
    """
    found = [Recording(name, (path,), ("customer",)) for name, path in recordings]
    planned = plan_calls(found, run=mint_run())
    begin_s, before = time.monotonic(), await asyncio.to_thread(system.snapshot)
    async with watching(system.settings.kafka) as watcher:
        async with open_publisher(system.settings.kafka, catalogue.AUDIO) as publisher:
            replay = Replay(options, publisher, clock=SystemClock(), listener=SilentListener())
            for ended in await replay.run(planned):
                if ended.problem:
                    raise BrokerError(ended.problem)
        await _await_results(watcher, planned)
    after = await asyncio.to_thread(system.snapshot)
    return Played(
        outcomes=[outcome_of(watcher.received.get(call.call_id, ())) for call in planned],
        dead_letters=watcher.dead_letters,
        has_restarted=before.pids != after.pids,
        elapsed_s=time.monotonic() - begin_s,
    )


def outcome_of(received: Sequence[Received]) -> Outcome:
    """Return the outcome of a call, from its messages."""
    completeness = Completeness()
    for one in received:
        completeness.feed(one.message)
    finalized = [one.message for one in received if isinstance(one.message, FinalizedCall)]
    if not finalized:
        return Outcome("", is_complete=False)
    call = finalized[0]
    return Outcome(channel_text(call, 0), completeness.is_complete and not call.is_abridged)


async def _await_results(watcher: Watcher, planned: Sequence[PlannedCall]) -> None:
    """Return when all calls are finalized, or when no result has come for a while."""
    call_ids = {call.call_id for call in planned}
    count, since_s = -1, time.monotonic()
    while not watcher.finalized.issuperset(call_ids):
        if (now := sum(map(len, watcher.received.values()))) != count:
            count, since_s = now, time.monotonic()
        elif time.monotonic() - since_s > SILENCE_LIMIT_S:
            return
        await asyncio.sleep(LOOK_EVERY_S)
