"""A crash at any message changes no message of the lane, and loses none."""

from collections.abc import Callable, Sequence
from functools import cache

import msgspec
import pytest

from schemas.audio import (
    AudioChunk,
    AudioTopicMessage,
    CallHeld,
    CallResumed,
    CallStalled,
    DtmfPressed,
)
from schemas.base import Message
from schemas.transcripts import CallTranscribed, TranscriptFinal, TranscriptPartial
from tests.support.calls.partition_log import Durable, LogEntry, Worker, deterministic_lane
from tests.support.calls.recorded_calls import (
    SHORT_SEGMENTS,
    call_ended,
    call_started,
    fingerprint,
    recorded_call,
    recorded_chunks,
    transcriber,
)

LAGS = ((0, 0), (7, 5))  # of inference and of what is made durable


def interleaved(*calls: list[LogEntry]) -> list[LogEntry]:
    """Return the messages of several calls, one of each in turn."""
    longest = max(len(call) for call in calls)
    return [call[n] for n in range(longest) for call in calls if n < len(call)]


def as_log(messages: Sequence[AudioTopicMessage]) -> list[LogEntry]:
    return [(message.call_id, message) for message in messages]


@cache
def two_calls() -> list[LogEntry]:
    """Two calls of two channels with overlap, a pause over the rebuild and cuts at the limit."""
    return interleaved(
        as_log(recorded_call("a", 37_000, 44_000, chunk_ms=200)),
        as_log(recorded_call("b", 27_500, 34_000, chunk_ms=200)),
    )


@cache
def rough_call() -> list[LogEntry]:
    """Lost, repeated and reordered chunks, a long gap, holds, keys, a stall in mid-speech."""
    chunks = recorded_chunks("r", 36_000, 46_000, chunk_ms=200)
    late = [
        msgspec.structs.replace(c, seq=c.seq + 40, start_ms=c.start_ms + 9_000) for c in chunks[30:]
    ]
    chunks = [c for c in chunks[:30] if c.seq not in {7, 8}]
    chunks[12], chunks[14] = chunks[14], chunks[12]
    chunks.insert(20, chunks[17])
    held = CallHeld(event_id="h", call_id="r", captured_at_ns=1, at_ms=3_000)
    resumed = CallResumed(event_id="u", call_id="r", captured_at_ns=1, at_ms=4_000)
    key = DtmfPressed(
        event_id="d", call_id="r", captured_at_ns=1, at_ms=4_100, channel=1, digit="5"
    )
    stalled = CallStalled(event_id="t", call_id="r", captured_at_ns=1, after_seq=29)
    void = CallStalled(event_id="v", call_id="r", captured_at_ns=1, after_seq=9)
    first: list[AudioTopicMessage] = [
        call_started("r"),
        *chunks[:15],
        held,
        void,
        *chunks[15:20],
        resumed,
        key,
        *chunks[20:],
    ]
    return as_log([*first, stalled, *late[:10], void, *late[10:], call_ended("r")])


@cache
def jumping_call() -> list[LogEntry]:
    """A gap too long to be filled, in mid-speech on one channel."""
    chunks = recorded_chunks("j", 37_000, 43_000, chunk_ms=200)
    late = [msgspec.structs.replace(c, start_ms=c.start_ms + 7_000) for c in chunks[12:]]
    return as_log([call_started("j"), *chunks[:12], *late, call_ended("j")])


def run(
    log: list[LogEntry], *crashes: int, inference_lag: int = 0, durability_lag: int = 0
) -> Durable:
    """Run a worker for each number of messages, then one to the end of the log."""
    durable = Durable()
    for messages in (*crashes, None):
        worker = Worker(
            log,
            durable,
            transcriber,
            fingerprint,
            inference_lag=inference_lag,
            durability_lag=durability_lag,
        )
        worker.run(messages=messages)
    assert durable.watermark == len(log)
    assert all(checkpoint.is_closed for checkpoint in durable.checkpoints.values())
    return durable


def lane(durable: Durable) -> list[Message]:
    return deterministic_lane(durable.outputs, (TranscriptPartial,))


def by_call(messages: list[Message], call_id: str) -> list[Message]:
    return [message for message in messages if message.call_id == call_id]


@pytest.mark.parametrize("log_of", [two_calls, rough_call, jumping_call])
def test_the_lane_survives_a_crash_after_any_message(log_of: Callable[[], list[LogEntry]]) -> None:
    """For every k: process k messages, drop all memory, go on from watermark and checkpoints."""
    log = log_of()
    undisturbed = lane(run(log))
    for k in range(1, len(log)):
        inference_lag, durability_lag = LAGS[k // 2 % len(LAGS)]  # not k: calls take turns
        disturbed = lane(run(log, k, inference_lag=inference_lag, durability_lag=durability_lag))
        for call_id in {call_id for call_id, _ in log}:
            assert by_call(disturbed, call_id) == by_call(undisturbed, call_id), f"crash after {k}"


@pytest.mark.parametrize("log_of", [two_calls, rough_call, jumping_call])
def test_the_lane_survives_two_crashes_in_a_row(log_of: Callable[[], list[LogEntry]]) -> None:
    log = log_of()
    undisturbed = lane(run(log))
    for k in range(1, len(log), 3):
        disturbed = lane(run(log, k, 1 + k % 23, inference_lag=3, durability_lag=2))
        for call_id in {call_id for call_id, _ in log}:
            assert by_call(disturbed, call_id) == by_call(undisturbed, call_id), f"crash after {k}"


def test_slow_inference_changes_nothing() -> None:
    log = two_calls()
    undisturbed = lane(run(log))
    for call_id in ("a", "b"):
        delayed = by_call(lane(run(log, inference_lag=40)), call_id)
        assert delayed == by_call(undisturbed, call_id)


@pytest.mark.parametrize("chunk_ms", [20, 60, 160, 200])
def test_the_chunk_size_changes_nothing(chunk_ms: int) -> None:
    expected = lane(run(as_log(recorded_call("a", 25_000, 45_000, chunk_ms=100))))
    assert lane(run(as_log(recorded_call("a", 25_000, 45_000, chunk_ms=chunk_ms)))) == expected


def test_the_calls_exercise_what_can_go_wrong() -> None:
    """The logs above really hold cuts of every kind, gaps, holds and speech on both channels."""
    logs = (two_calls(), rough_call(), jumping_call())
    messages = [message for log in logs for message in lane(run(log))]
    cuts = {message.cut for message in messages if isinstance(message, TranscriptFinal)}
    (rough,) = [m for m in messages if isinstance(m, CallTranscribed) and m.call_id == "r"]

    assert cuts == {"pause", "limit", "gap", "stall", "end"}
    assert rough.summary.gaps >= 2
    assert rough.summary.gap_ms >= 400
    assert [(hold.start_ms, hold.end_ms) for hold in rough.summary.holds] == [(3_000, 4_000)]
    assert len(rough.summary.dtmf) == 1


def test_lane_numbers_have_no_holes() -> None:
    for log in (two_calls(), rough_call(), jumping_call()):
        for call_id in {call_id for call_id, _ in log}:
            messages = by_call(lane(run(log)), call_id)
            for channel in (0, 1):
                numbers = [m.lane_seq for m in messages if getattr(m, "channel", None) == channel]  # type: ignore[attr-defined]
                assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("passage_ms", [0, SHORT_SEGMENTS.passage_ms])
def test_acknowledgements_keep_up_with_silence_and_speech(passage_ms: int) -> None:
    """A crash re-reads one segment, its passage and the warm-up, never the whole call."""
    segments = msgspec.structs.replace(SHORT_SEGMENTS, passage_ms=passage_ms)
    reach_ms = segments.passage_reach_ms if passage_ms else 0
    log = as_log(recorded_call("a", 0, 60_000, chunk_ms=200))
    durable = Durable()
    worker = Worker(
        log, durable, lambda call, point: transcriber(call, point, segments), fingerprint
    )
    unacknowledged = []
    for _ in range(len(log) - 1):
        start = worker.offset + 1
        call_id, message = log[start]
        worker.offset = start
        machine = worker.machines.setdefault(call_id, transcriber(call_id, segments=segments))
        worker._take_in(call_id, machine.feed(message, start))
        worker._resolve(start)
        unacknowledged.append(start - durable.watermark)
    compared_ms = 500  # kept longer, where crosstalk is looked for
    assert max(unacknowledged) * 200 < reach_ms + 3_000 + 2_000 + 1_500 + compared_ms
    assert isinstance(log[5][1], AudioChunk)
