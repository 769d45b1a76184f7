"""How long a chunk of a call may be, and what becomes of one that is not."""

import msgspec
import numpy as np
import pytest
import structlog

from models.audio.samples import FloatArray
from schemas.audio import MAX_CHUNK_MS, MIN_CHUNK_MS, AudioChunk, AudioTopicMessage
from schemas.codec import decode_audio, encode_audio
from schemas.errors import AudioFormatError
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.transcribe.input.chunk_audio import checked_duration, is_short
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import (
    RATE_HZ,
    call_ended,
    call_started,
    chunk,
    fingerprint,
    recorded_chunks,
    transcriber,
)
from tests.support.runtime_bench import RuntimeBench

LATE_MS = 8_000


def audio(ms: float, *, seq: int = 0, start_ms: float = 0) -> AudioChunk:
    """Return a chunk of silence."""
    samples: FloatArray = np.zeros((round(ms * RATE_HZ / 1000), 2), np.float32)
    return chunk("c", seq, round(start_ms * RATE_HZ / 1000), samples)


def stretch(*lengths_ms: float) -> list[AudioChunk]:
    """Return chunks of these lengths, one behind the other."""
    starts = [sum(lengths_ms[:n]) for n in range(len(lengths_ms))]
    return [
        audio(ms, seq=n, start_ms=start)
        for n, (ms, start) in enumerate(zip(lengths_ms, starts, strict=True))
    ]


def refused(messages: list[AudioTopicMessage]) -> dict[int, str]:
    """Return the reasons of what a call refuses, by the place of the message."""
    call, reasons = transcriber("c"), {}
    for offset, message in enumerate([call_started("c"), *messages]):
        try:
            call.feed(message, offset)
        except AudioFormatError as error:
            reasons[offset - 1] = str(error)
    return reasons


@pytest.mark.parametrize("length_ms", [MIN_CHUNK_MS, 30, 100, MAX_CHUNK_MS])
def test_chunks_of_20_to_200_ms_are_taken(length_ms: int) -> None:
    assert refused([*stretch(*[length_ms] * 5)]) == {}


@pytest.mark.parametrize("length_ms", [200.25, 330, 500, 1_000])
def test_a_longer_chunk_is_refused_whatever_stands_around_it(length_ms: float) -> None:
    reasons = refused([*stretch(100, length_ms, 100, length_ms)])

    assert reasons == dict.fromkeys(
        (1, 3), f"a chunk of {length_ms:.5g} ms; it has at most {MAX_CHUNK_MS} ms"
    )


def test_a_shorter_chunk_may_end_a_stretch_of_audio() -> None:
    """The last of a call, or what was left when the audio paused: none of it is lost."""
    assert refused([*stretch(100, 100, 19.875)]) == {}
    assert refused([*stretch(0.125)]) == {}
    assert refused([*stretch(100, 5, 100, 5, 100, 5)]) == {}


def test_a_source_of_short_chunks_is_refused() -> None:
    """The reason says how long they may be."""
    reasons = refused([*stretch(10, 10, 10, 20, 10, 10)])

    assert list(reasons) == [1, 2, 5]
    assert reasons[1] == (
        "a chunk of 10 ms after another short one; "
        "only the last one of a stretch of audio may have less than 20 ms"
    )


def test_the_last_chunk_may_be_sent_twice_and_each_track_may_have_one() -> None:
    """A repeated chunk is a duplicate; two of one time are two tracks of one interval."""
    *chunks, last = stretch(100, 10)
    other = msgspec.structs.replace(last, payloads=(b"", last.payloads[1]))

    assert refused([*chunks, last, last]) == {}
    assert refused([*chunks, last, other]) == {}


def test_short_chunks_are_refused_alike_after_every_crash() -> None:
    """What came before is in the checkpoint."""
    log: list[tuple[str, AudioTopicMessage]] = [("c", call_started("c"))]
    start = 0.0
    for seq, ms in enumerate([200.0] * 6 + [10.0] * 3 + [200.0] * 6 + [10.0] * 3):
        log.append(("c", audio(ms, seq=seq, start_ms=start)))
        start += ms
    log.append(("c", call_ended("c")))
    expected = [n for n, (_, m) in enumerate(log) if isinstance(m, AudioChunk)]
    expected = [expected[n] for n in (7, 8, 16, 17)]

    for stop in range(1, len(log)):
        durable = Durable()
        Worker(log, durable, transcriber, fingerprint).run(messages=stop)
        Worker(log, durable, transcriber, fingerprint).run()
        assert sorted(set(durable.refused)) == expected, stop


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_the_bounds_hold_at_every_rate(rate_hz: int) -> None:
    """A chunk of 20 ms at 11.025 kHz has 220 samples or 221."""

    def duration(samples: int) -> int:
        message = msgspec.structs.replace(
            audio(20), encoding="pcm16", sample_rate_hz=rate_hz, payloads=(bytes(2 * samples),)
        )
        return checked_duration(message, rate_hz=rate_hz, channels=1)

    shortest, longest = rate_hz * MIN_CHUNK_MS // 1000, -(-rate_hz * MAX_CHUNK_MS // 1000)
    assert not is_short(duration(shortest), rate_hz)
    assert is_short(duration(shortest - 1), rate_hz)
    assert duration(longest) == longest
    with pytest.raises(AudioFormatError, match="at most 200 ms"):
        duration(longest + 1)


def test_half_a_sample_is_told_as_such() -> None:
    message = msgspec.structs.replace(audio(20), encoding="pcm16", payloads=(b"abc", b"abc"))

    with pytest.raises(AudioFormatError, match="3 bytes of pcm16 are not a whole number"):
        checked_duration(message, rate_hz=RATE_HZ, channels=2)


# Audio without a start


def agent() -> AgentDefinition:
    """Return an agent whose machines transcribe with fingerprints."""
    return AgentDefinition(
        name="transcribe",
        input_topic="calls.audio.v1",
        decode=decode_audio,
        create=transcriber,
        restore=lambda checkpoint: transcriber(checkpoint.call_id, checkpoint),
    )


async def told(messages: list[AudioTopicMessage]) -> tuple[list[str], float | None]:
    """Return the calls without a start that an agent logs, and how many it counts."""
    bench = RuntimeBench(agent())
    bench.begin()
    with structlog.testing.capture_logs() as lines:
        await bench.take([bench.message(n, encode_audio(m)) for n, m in enumerate(messages)])
    calls = [line["call_id"] for line in lines if line["event"] == "call.without_start"]
    labels = {"agent": "transcribe", "kind": "calls_without_start"}
    registry = bench.runtime.metrics.registry
    return calls, registry.get_sample_value("callstream_set_aside_total", labels)


async def test_audio_without_a_start_is_told_and_counted_once_a_call() -> None:
    chunks = recorded_chunks("c", 36_000, 36_000 + LATE_MS, chunk_ms=200)

    assert await told([*chunks, call_ended("c")]) == (["c"], 1)


async def test_a_start_that_comes_late_is_told_too() -> None:
    chunks = recorded_chunks("c", 36_000, 36_000 + LATE_MS, chunk_ms=200)

    assert await told([*chunks[:3], call_started("c"), *chunks[3:], call_ended("c")]) == (["c"], 1)


async def test_a_call_that_begins_as_it_should_is_not_told_of() -> None:
    chunks = recorded_chunks("c", 36_000, 36_000 + LATE_MS, chunk_ms=200)

    assert await told([call_started("c"), *chunks, call_ended("c")]) == ([], 0)
