"""The open calls of a running system, from the checkpoints of its agents."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from schemas.catalogue import AUDIO, CHECKPOINTS, TRANSCRIPTS, TURNS, spec_of
from schemas.codec import from_state
from schemas.errors import MalformedMessageError
from stream_app.calls.transcribe.input.pending_inputs import InputPoint
from stream_app.runtime.memory.checkpoints import CheckpointStore, OpenCall, SavedCalls
from stream_app.settings import KafkaSettings
from stream_app.transport.topics import check_topics

STAGES = (("transcribe", AUDIO), ("detect_turns", TRANSCRIPTS), ("finalize", TURNS))
FIRST_AGENT = STAGES[0][0]
CLOSING_MS = 5_000  # within which an agent closes a call after the one before it did
NS_PER_MS = 1_000_000
MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class CallRow:
    """An open call.

    Attributes:
        parties: One for each channel; empty while they are not known.
        audio_s: How much of it was taken in for good, by its audio clock.
        last_audio_s: How long ago that was, by the brokers' clock; a segment that is being spoken
            is not in it yet.
        late_agents: Agents that should have closed the call by now.
    """

    call_id: str
    partition: int
    parties: tuple[str, ...]
    is_on_hold: bool
    audio_s: float
    last_audio_s: float
    late_agents: tuple[str, ...] = ()

    @property
    def age_s(self) -> float:
        """How long ago the call began, by no gateway's clock."""
        return self.audio_s + self.last_audio_s


async def read_open_calls(
    kafka: KafkaSettings, *, now_ms: Callable[[], int] = lambda: time.time_ns() // NS_PER_MS
) -> list[CallRow]:
    """Return the calls that some agent has not closed, the oldest first.

    Raises:
        BrokerError: The brokers cannot be reached, or the topics are not as they should be.
    """
    layout = await check_topics(kafka, (CHECKPOINTS,))
    partitions = range(layout[kafka.topic(CHECKPOINTS)].partitions)
    found: dict[str, dict[int, SavedCalls]] = {}
    for agent, topic in STAGES:
        store = CheckpointStore(kafka, agent, "", kept_ms=spec_of(topic).remembered_ms)
        found[agent] = await store.load(partitions)
    rows = [
        row
        for partition in partitions
        for row in _rows(partition, {agent: by[partition] for agent, by in found.items()}, now_ms())
    ]
    return sorted(rows, key=lambda row: (-row.age_s, row.call_id))


def _rows(partition: int, saved: Mapping[str, SavedCalls], now_ms: int) -> Iterable[CallRow]:
    """Yield the open calls of a partition; the last agent's closing a call ends it."""
    last = saved[STAGES[-1][0]]
    known = dict.fromkeys(call_id for calls in saved.values() for call_id in calls.open)
    for calls in saved.values():
        known.update(dict.fromkeys(calls.closed))
    for call_id in known:
        if call_id not in last.closed:
            yield _row(call_id, partition, saved, now_ms)


def _row(call_id: str, partition: int, saved: Mapping[str, SavedCalls], now_ms: int) -> CallRow:
    first = saved[FIRST_AGENT]
    late = _late_agents(call_id, saved, now_ms)
    call = first.open.get(call_id)
    if call is None:  # it has ended for the first agent
        ended_ms = first.closed[call_id][1] if call_id in first.closed else now_ms
        return CallRow(call_id, partition, (), False, 0.0, _since_s(ended_ms, now_ms), late)
    point = _input_point(call)
    facts = point.facts
    rate_hz = facts.sample_rate_hz
    return CallRow(
        call_id,
        partition,
        facts.parties,
        facts.is_on_hold,
        point.order.clock / rate_hz if rate_hz else 0.0,
        _since_s(call.written_at_ms, now_ms),
        late,
    )


def _late_agents(call_id: str, saved: Mapping[str, SavedCalls], now_ms: int) -> tuple[str, ...]:
    """Return the agent that has not closed a call although the one before it did, if any."""
    for (before, _), (agent, _) in pairwise(STAGES):
        closed = saved[before].closed.get(call_id)
        if closed is None:
            return ()
        if call_id not in saved[agent].closed:
            return (agent,) if now_ms - closed[1] > CLOSING_MS else ()
    return ()


def _input_point(call: OpenCall) -> InputPoint:
    state = call.checkpoint.state.get("input")
    try:
        return from_state(state if isinstance(state, dict) else {}, InputPoint)
    except MalformedMessageError:  # of another version
        return InputPoint(resume_offset=0)


def _since_s(at_ms: int, now_ms: int) -> float:
    return max(0, now_ms - at_ms) / MS_PER_S
