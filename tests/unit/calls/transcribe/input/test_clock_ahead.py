"""Times of chunks that do not fit the length of their audio: counted, and told once a call."""

from collections.abc import Callable

import msgspec
import pytest

from schemas.audio import AudioChunk, CallStalled
from schemas.codec import decode_json, encode_json
from schemas.operations import Checkpoint
from stream_app.calls.effects import Tell
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import call_started, fingerprint, transcriber
from tests.support.calls.rough_calls import Chunks, moved, plain_chunks

COUNT = 60
CHUNK_MS = 100


def steps_of(step_ms: int) -> Chunks:
    chunks = plain_chunks("c", 36_000, COUNT, chunk_ms=CHUNK_MS)
    return [msgspec.structs.replace(c, start_ms=n * step_ms) for n, c in enumerate(chunks)]


def again_from_0() -> Chunks:
    chunks = plain_chunks("c", 36_000, COUNT, chunk_ms=CHUNK_MS)
    return [*chunks[:30], *moved(chunks[30:], -30 * CHUNK_MS)]


def fed(call: CallTranscriber, chunks: Chunks, *, first: int = 0) -> list[Tell]:
    told: list[Tell] = []
    for offset, chunk in enumerate(chunks, start=first):
        told += [effect for effect in call.feed(chunk, offset) if isinstance(effect, Tell)]
    return told


@pytest.mark.parametrize(
    ("chunks", "ahead_ms"),
    [
        (lambda: steps_of(0), COUNT * CHUNK_MS - 2 * CHUNK_MS),
        (lambda: steps_of(90), (COUNT - 2) * 10),
        (lambda: steps_of(20), (COUNT - 2) * 80),
        (again_from_0, 30 * CHUNK_MS),
    ],
)
def test_a_clock_that_runs_ahead_is_counted_and_told_once(
    chunks: Callable[[], Chunks], ahead_ms: int
) -> None:
    call = transcriber("c")
    call.feed(call_started("c"), 0)
    told = fed(call, chunks(), first=1)

    assert [each.event for each in told] == ["call.clock_ahead"]
    assert call.counters.clock_ahead_ms == ahead_ms
    assert call._input.order.clock == COUNT * CHUNK_MS * 8


@pytest.mark.parametrize("chunks", [steps_of(100), steps_of(99), steps_of(101)])
def test_a_clock_that_wavers_is_not_told(chunks: list[AudioChunk]) -> None:
    call = transcriber("c")
    call.feed(call_started("c"), 0)

    assert not fed(call, chunks, first=1)
    assert call.counters.clock_ahead_ms == 0


def test_one_corrupt_time_is_no_clock_that_runs_ahead() -> None:
    chunks = steps_of(100)
    chunks[30] = msgspec.structs.replace(chunks[30], start_ms=0)
    call = transcriber("c")
    call.feed(call_started("c"), 0)

    assert not fed(call, chunks, first=1)
    assert call.counters.clock_ahead_ms == 0


def test_after_a_takeover_it_is_not_told_again() -> None:
    chunks = steps_of(0)
    stalled = CallStalled(event_id="t", call_id="c", captured_at_ns=1, after_seq=COUNT - 1)
    log = [("c", message) for message in (call_started("c"), *chunks, stalled)]
    durable = Durable()
    Worker(log, durable, transcriber, fingerprint).run()
    checkpoint = decode_json(encode_json(durable.checkpoints["c"]), Checkpoint)
    call = transcriber("c", checkpoint)

    more = [msgspec.structs.replace(c, seq=c.seq + COUNT) for c in chunks]

    assert not fed(call, more, first=len(log))
    assert call.counters.clock_ahead_ms == COUNT * CHUNK_MS
