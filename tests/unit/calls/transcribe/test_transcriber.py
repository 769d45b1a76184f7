"""A call of `transcribe` with good, odd and bad input."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from schemas.audio import AudioTopicMessage, CallEnded, CallHeld, CallResumed, CallStalled
from schemas.codec import decode_audio, encode_audio
from schemas.errors import AudioFormatError, MalformedMessageError
from schemas.operations import Alert
from schemas.transcripts import (
    CallTranscribed,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
)
from stream_app.calls.effects import Commit, Emit, Infer, Refuse
from stream_app.calls.transcribe.recognition import RecognitionRequest
from stream_app.calls.transcribe.segmenter import SegmentConfig
from stream_app.calls.transcribe.transcriber import CallTranscriber
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import (
    RATE_HZ,
    call_ended,
    call_started,
    chunk,
    fingerprint,
    recorded_call,
    recorded_chunks,
    transcriber,
)


def transcribed(messages: Sequence[AudioTopicMessage]) -> Durable:
    durable = Durable()
    log = [(message.call_id, message) for message in messages]
    Worker(
        log, durable, lambda call, point: transcriber(call, point, SegmentConfig()), fingerprint
    ).run()
    assert durable.watermark == len(log)
    return durable


def of_type(durable: Durable, kind: type) -> list:  # type: ignore[type-arg]
    return [message for message in durable.outputs if isinstance(message, kind)]


def test_a_call_ends_with_call_transcribed() -> None:
    outputs = transcribed(recorded_call("c", 0, 12_000)).outputs

    assert isinstance(outputs[-1], CallTranscribed)
    assert outputs[-1].summary.parties == ("agent", "customer")
    assert outputs[-1].summary.duration_ms == 12_000


def test_the_lane_leaves_in_audio_clock_order() -> None:
    durable = transcribed(recorded_call("c", 36_000, 60_000))
    times = [
        message.at_ms
        for message in durable.outputs
        if isinstance(message, SpeechActivity | TranscriptFinal | CallTranscribed)
    ]

    assert times == sorted(times)


def test_partials_come_while_speech_goes_on_and_never_run_backwards() -> None:
    durable = transcribed(recorded_call("c", 0, 12_000))
    revisions: dict[str, list[int]] = {}
    for partial in of_type(durable, TranscriptPartial):
        revisions.setdefault(partial.segment_id, []).append(partial.revision)

    assert len(revisions) >= 2
    assert all(values == sorted(set(values)) for values in revisions.values())
    assert max(len(values) for values in revisions.values()) >= 5


def test_a_final_supersedes_the_partials_of_its_segment() -> None:
    durable = transcribed(recorded_call("c", 0, 12_000))
    finals = {final.segment_id: final for final in of_type(durable, TranscriptFinal)}

    assert {partial.segment_id for partial in of_type(durable, TranscriptPartial)} <= set(finals)
    for partial in of_type(durable, TranscriptPartial):
        assert partial.revision <= finals[partial.segment_id].revision


def test_silence_leads_to_nothing_and_is_acknowledged() -> None:
    silence = np.zeros((RATE_HZ // 10, 2), dtype=np.float32)
    chunks = [chunk("c", seq, seq * RATE_HZ // 10, silence) for seq in range(300)]
    machine = transcriber("c", segments=SegmentConfig())
    machine.feed(call_started("c"), 0)

    effects = [
        effect for n, message in enumerate(chunks) for effect in machine.feed(message, n + 1)
    ]

    acknowledged = [o for effect in effects if isinstance(effect, Commit) for o in effect.offsets]
    assert not any(isinstance(effect, Emit) for effect in effects)
    assert max(acknowledged) > 165  # crosstalk keeps 1.5 s more


def test_a_call_whose_start_was_lost_is_transcribed_all_the_same() -> None:
    durable = transcribed([*recorded_chunks("c", 0, 8_000), call_ended("c")])

    (end,) = of_type(durable, CallTranscribed)
    assert end.summary.parties == ("unknown", "unknown")
    assert of_type(durable, TranscriptFinal)


def test_a_channel_without_audio_counts_as_silent() -> None:
    chunks = [
        msgspec.structs.replace(message, payloads=(message.payloads[0], b""))
        for message in recorded_chunks("c", 0, 8_000)
    ]

    finals = of_type(transcribed([call_started("c"), *chunks, call_ended("c")]), TranscriptFinal)

    assert {final.channel for final in finals} == {0}


def test_a_short_gap_becomes_silence_on_the_clock() -> None:
    chunks = [message for message in recorded_chunks("c", 0, 8_000) if not 10 <= message.seq < 30]

    durable = transcribed([call_started("c"), *chunks, call_ended("c")])

    (end,) = of_type(durable, CallTranscribed)
    assert (end.summary.gaps, end.summary.gap_ms) == (1, 2_000)
    assert end.summary.duration_ms == 8_000


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_rate_hz": 16_000},
        {"payloads": (bytes(800),)},
        {"payloads": (bytes(800), bytes(400))},
        {"payloads": (b"", b"")},
        {"payloads": (bytes(9_000), bytes(9_000))},
        {"encoding": "pcm16", "payloads": (bytes(801), bytes(801))},
        {"seq": -1},
        {"start_ms": -100},
        {"start_ms": 24 * 3_600_000 + 1},
    ],
)
def test_audio_that_does_not_fit_its_call_is_refused_and_the_call_goes_on(
    changes: dict[str, object],
) -> None:
    machine = transcriber("c", segments=SegmentConfig())
    good = recorded_chunks("c", 0, 500)
    machine.feed(call_started("c"), 0)
    machine.feed(good[0], 1)

    with pytest.raises(AudioFormatError):
        machine.feed(msgspec.structs.replace(good[1], **changes), 2)

    machine.feed(good[1], 3)
    assert machine.last_seq == 1


def test_an_unsupported_sample_rate_fails_the_call_loudly() -> None:
    with pytest.raises(AudioFormatError, match="7999"):
        transcriber("c").feed(msgspec.structs.replace(call_started("c"), sample_rate_hz=7_999), 0)


def test_audio_after_the_end_is_refused_with_one_alert() -> None:
    """Also while the last finals are still with the recognizer."""
    chunks = recorded_chunks("c", 0, 8_000)
    machine = transcriber("c")
    messages: list[AudioTopicMessage] = [call_started("c"), *chunks[:60], call_ended("c")]
    asked = [
        effect.request
        for offset, message in enumerate(messages)
        for effect in machine.feed(message, offset)
        if isinstance(effect, Infer) and isinstance(effect.request, RecognitionRequest)
    ]
    assert any(request.is_final for request in asked)
    assert not machine.is_closed

    late: list[AudioTopicMessage] = [*chunks[60:62], call_started("c"), call_ended("c")]
    effects = [e for n, message in enumerate(late) for e in machine.feed(message, 62 + n)]
    for request in asked:
        effects += machine.resolve(fingerprint(request))

    assert machine.is_closed
    assert [effect.offset for effect in effects if isinstance(effect, Refuse)] == [62, 63, 64]
    alerts = [e.message for e in effects if isinstance(e, Emit) and isinstance(e.message, Alert)]
    assert [alert.kind for alert in alerts] == ["audio_after_end"]
    assert machine.ended is not None
    assert machine.counters.late_events == 1  # the end that was repeated
    (closing,) = [e.checkpoint for e in effects if isinstance(e, Commit) and e.checkpoint][-1:]
    assert closing is not None
    assert (closing.is_closed, closing.state) == (True, {"end_offset": 61})


def test_a_gateway_that_numbers_every_chunk_alike_is_not_silent() -> None:
    """The count of its chunks decides, not their numbers; a chunk sent twice counts once."""
    machine, taken = transcriber("c"), []
    machine.feed(call_started("c"), 0)
    for offset, sent in enumerate(recorded_chunks("c", 20_000, 22_000), start=1):
        alike = msgspec.structs.replace(sent, seq=0)
        for again in (False, True):
            machine.feed(alike, 2 * offset + again)
        taken.append(machine.chunks_taken)

    assert taken == list(range(1, 21))
    assert machine.last_seq == 0


def test_a_machine_from_the_checkpoint_of_a_closed_call_takes_nothing() -> None:
    messages = recorded_call("c", 0, 1_000)
    durable = transcribed(messages)

    machine = transcriber("c", durable.checkpoints["c"])

    assert machine.is_closed
    (again,) = machine.feed(messages[1], 1)
    refused, *_ = machine.feed(messages[1], len(messages))
    assert isinstance(again, Commit)
    assert isinstance(refused, Refuse)


def test_a_stall_marker_counts_only_if_no_later_chunk_stands_before_it() -> None:
    chunks = recorded_chunks("c", 0, 3_000)
    marker = CallStalled(event_id="m", call_id="c", captured_at_ns=1, after_seq=20)

    void = transcribed([call_started("c"), *chunks, marker, call_ended("c")])
    honoured = transcribed([call_started("c"), *chunks[:21], marker, call_ended("c")])

    assert "stall" not in {final.cut for final in of_type(void, TranscriptFinal)}
    assert "stall" in {final.cut for final in of_type(honoured, TranscriptFinal)}


def test_a_stale_end_is_void_after_later_audio() -> None:
    chunks = recorded_chunks("c", 0, 1_000)
    stale = CallEnded(event_id="e", call_id="c", captured_at_ns=1, reason="stale", after_seq=3)
    machine = transcriber("c")
    messages: list[AudioTopicMessage] = [call_started("c"), *chunks]
    for offset, message in enumerate(messages):
        machine.feed(message, offset)

    machine.feed(stale, 20)

    assert not machine.is_closed
    assert (machine.counters.void_markers, machine.counters.late_events) == (1, 0)


def test_a_call_is_on_hold_until_it_is_resumed() -> None:
    machine = transcriber("c")
    seen = [machine.is_on_hold]
    controls: list[tuple[type[CallHeld | CallResumed], int]] = [
        (CallHeld, 1_000),
        (CallResumed, 2_000),
        (CallHeld, 5_000),
        (CallResumed, 2_000),
    ]
    for offset, (kind, at_ms) in enumerate(controls):
        machine.feed(kind(event_id="h", call_id="c", captured_at_ns=1, at_ms=at_ms), offset)
        seen.append(machine.is_on_hold)

    assert seen == [False, True, False, True, True]


@pytest.mark.parametrize(("resumed_ms", "lost"), [(65_000, (0, 0)), (64_000, (1, 1_000))])
def test_audio_that_does_not_come_on_hold_is_not_lost(
    resumed_ms: int, lost: tuple[int, int]
) -> None:
    head: dict[str, Any] = {"event_id": "h", "call_id": "c", "captured_at_ns": 1}
    chunks = recorded_chunks("c", 0, 10_000)
    later = [msgspec.structs.replace(c, start_ms=c.start_ms + 60_000) for c in chunks[50:]]
    held, resumed = CallHeld(at_ms=5_000, **head), CallResumed(at_ms=resumed_ms, **head)
    log: list[AudioTopicMessage] = [call_started("c"), *chunks[:50], held, resumed, *later]

    *_, end = transcribed([*log, call_ended("c")]).outputs

    assert isinstance(end, CallTranscribed)
    assert (end.summary.gaps, end.summary.gap_ms) == lost


def test_a_call_without_audio_ends() -> None:
    (end,) = transcribed([call_started("c"), call_ended("c")]).outputs

    assert isinstance(end, CallTranscribed)
    assert end.summary.duration_ms == 0


def test_memory_of_a_call_is_bounded() -> None:
    """Ten minutes of speech without a pause leave no more behind than one."""
    speech = recorded_chunks("c", 500, 5_000)
    machine = transcriber("c", segments=SegmentConfig())
    sizes = []
    for seq in range(1_200):
        source = speech[seq % len(speech)]
        machine.feed(msgspec.structs.replace(source, seq=seq, start_ms=seq * 100), seq)
        sizes.append(held_samples(machine))

    assert max(sizes[600:]) <= max(sizes[:600])
    assert max(sizes) < 2 * (12_000 + 6_000) * 16 + 2 * 8_000 * 20


def held_samples(machine: CallTranscriber) -> int:
    """Return how many samples a machine holds in its channels."""
    total = 0
    for channel in machine._channels:
        audio = channel.segmenter._audio
        held = [*audio._frames, *audio._blocks.values()]
        total += sum(len(samples) for samples in held)
        total += sum(len(samples) for _, samples in channel._recent._blocks)
    return total


def test_a_number_out_of_all_bounds_is_no_message() -> None:
    """Else the first sum beyond 64 bits would end the agent, again and again."""
    (message,) = recorded_chunks("c", 0, 100)
    for field in ("seq", "start_ms", "captured_at_ns"):
        with pytest.raises(MalformedMessageError):
            decode_audio(encode_audio(msgspec.structs.replace(message, **{field: 2**64 - 1})))
