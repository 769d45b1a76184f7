"""The channels of a call: as its start gives them, and as its audio has them until then."""

import msgspec
import pytest

from schemas.audio import AudioChunk, AudioTopicMessage, CallStarted
from schemas.base import Message
from schemas.errors import AudioFormatError
from schemas.transcripts import CallTranscribed, SpeechActivity, TranscriptFinal
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import (
    call_ended,
    call_started,
    fingerprint,
    recorded_chunks,
    transcriber,
)

CHUNKS = recorded_chunks("c", 36_000, 44_000, chunk_ms=200)


def mono(chunk: AudioChunk) -> AudioChunk:
    return msgspec.structs.replace(chunk, payloads=chunk.payloads[1:])


def wide(chunk: AudioChunk) -> AudioChunk:
    """Return a chunk at twice the rate: each sample is there twice."""
    doubled = tuple(bytes(b for b in p for _ in range(2)) for p in chunk.payloads)
    return msgspec.structs.replace(chunk, payloads=doubled, sample_rate_hz=16_000)


def started(**changes: object) -> CallStarted:
    return msgspec.structs.replace(call_started("c"), **changes)


def transcribed(messages: list[AudioTopicMessage]) -> tuple[Durable, CallTranscriber]:
    durable = Durable()
    worker = Worker(
        [("c", message) for message in messages],
        durable,
        lambda call, point: transcriber(call, point, SegmentConfig()),
        fingerprint,
    )
    worker.run()
    assert durable.watermark == len(messages)
    call = worker.machines["c"]
    assert isinstance(call, CallTranscriber)
    return durable, call


def finals(durable: Durable) -> list[TranscriptFinal]:
    return [message for message in durable.outputs if isinstance(message, TranscriptFinal)]


def summary(durable: Durable) -> CallTranscribed:
    (end,) = [message for message in durable.outputs if isinstance(message, CallTranscribed)]
    return end


def test_one_mono_chunk_before_the_start_refuses_nothing() -> None:
    durable, _ = transcribed([mono(CHUNKS[0]), started(), *CHUNKS[1:], call_ended("c")])

    assert not durable.refused
    assert summary(durable).summary.parties == ("agent", "customer")
    assert summary(durable).at_ms == 8_000
    assert {final.channel for final in finals(durable)} == {0, 1}


def test_chunks_before_the_start_may_change_their_layout() -> None:
    """A chunk of one channel, then of both: the call goes on at the clock, with both."""
    durable, call = transcribed([mono(CHUNKS[0]), *CHUNKS[1:], call_ended("c")])

    assert not durable.refused
    assert call.counters.layout_changes == 1
    assert summary(durable).summary.parties == ("unknown", "unknown")
    assert summary(durable).at_ms == 8_000


@pytest.mark.parametrize(
    ("change", "start"),
    [
        pytest.param(mono, {"parties": ("customer",)}, id="fewer channels"),
        pytest.param(wide, {"sample_rate_hz": 16_000}, id="another rate"),
    ],
)
@pytest.mark.parametrize("index", [5, 13, 20])
def test_a_start_that_contradicts_the_audio_before_it_rules_from_there_on(
    change: object, start: dict[str, object], index: int
) -> None:
    """What was heard before is closed there, and no speech is lost but the cut word."""
    assert callable(change)
    rest = [change(chunk) for chunk in CHUNKS[index:]]
    durable, call = transcribed([*CHUNKS[:index], started(**start), *rest, call_ended("c")])
    plain, _ = transcribed([started(), *CHUNKS, call_ended("c")])

    assert not durable.refused
    assert summary(durable).at_ms == 8_000
    assert call.counters.layout_changes == 1
    spoken = sum(f.end_ms - f.start_ms for f in finals(durable) if f.start_ms < index * 200)
    expected = sum(
        min(f.end_ms, index * 200) - f.start_ms for f in finals(plain) if f.start_ms < index * 200
    )
    assert spoken >= expected - 300


def test_audio_that_contradicts_the_start_is_refused() -> None:
    machine = transcriber("c")
    machine.feed(started(), 0)

    for chunk in (mono(CHUNKS[0]), wide(CHUNKS[0])):
        with pytest.raises(AudioFormatError):
            machine.feed(chunk, 1)


def test_only_the_first_start_counts() -> None:
    durable, _ = transcribed(
        [started(), *CHUNKS[:5], started(parties=("customer",)), *CHUNKS[5:], call_ended("c")]
    )

    assert not durable.refused
    assert summary(durable).summary.parties == ("agent", "customer")


def test_the_codec_may_change_with_every_chunk() -> None:
    silent = msgspec.structs.replace(
        CHUNKS[3], encoding="pcm16", payloads=(bytes(3_200), bytes(3_200))
    )
    durable, _ = transcribed([started(), *CHUNKS[:3], silent, *CHUNKS[4:], call_ended("c")])

    assert not durable.refused
    assert summary(durable).at_ms == 8_000


def test_every_channel_numbers_its_lane_on_through_changes_of_layout() -> None:
    alternating = [mono(c) if n // 10 % 2 else c for n, c in enumerate(CHUNKS)]
    durable, _ = transcribed([*alternating, call_ended("c")])

    lengths = summary(durable).summary.lane_seqs
    assert len(lengths) == 2
    for channel, length in enumerate(lengths):
        assert [m.lane_seq for m in lane_of(durable, channel)] == list(range(length))  # type: ignore[attr-defined]


def lane_of(durable: Durable, channel: int) -> list[Message]:
    return [
        message
        for message in durable.outputs
        if isinstance(message, TranscriptFinal | SpeechActivity) and message.channel == channel
    ]


def test_a_start_changes_what_comes_after_it_alone() -> None:
    durable, _ = transcribed([*CHUNKS[:20], started(), *CHUNKS[20:], call_ended("c")])

    parties = {(m.party, m.at_ms <= 4_000) for m in (*lane_of(durable, 0), *lane_of(durable, 1))}  # type: ignore[attr-defined]
    assert parties == {("unknown", True), ("agent", False), ("customer", False)}
