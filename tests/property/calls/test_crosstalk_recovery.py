"""Neither a crash nor the size of chunks changes what is taken for crosstalk."""

from collections.abc import Sequence
from functools import cache

import msgspec
import pytest

from models.audio.samples import FloatArray
from schemas.audio import AudioChunk, AudioTopicMessage, CallStalled
from schemas.base import Message
from schemas.transcripts import CallTranscribed, TranscriptFinal, TranscriptPartial
from tests.support.calls.echoed_calls import call_of, same_mix, stretch, with_echoes
from tests.support.calls.partition_log import Durable, Worker, deterministic_lane
from tests.support.calls.recorded_calls import fingerprint, transcriber


def lane(messages: Sequence[AudioTopicMessage], *crashes: int) -> list[Message]:
    """Return the deterministic lane of a worker for each number of messages, and one to the end."""
    log = [(message.call_id, message) for message in messages]
    durable = Durable()
    for count in (*crashes, None):
        Worker(log, durable, transcriber, fingerprint).run(messages=count)
    assert durable.watermark == len(log)
    return deterministic_lane(durable.outputs, (TranscriptPartial,))


def rough(call_id: str) -> list[AudioTopicMessage]:
    """An echo, a gap that is filled, a stall in mid-speech, and a jump of the clock."""
    started, *chunks, ended = call_of(call_id, with_echoes(stretch(20_000, 34_000)), chunk_ms=200)
    assert all(isinstance(each, AudioChunk) for each in chunks)
    later = [
        msgspec.structs.replace(each, start_ms=each.start_ms + 9_000)
        for each in chunks[50:]
        if isinstance(each, AudioChunk)
    ]
    stalled = CallStalled(event_id="t", call_id=call_id, captured_at_ns=1, after_seq=34)
    return [started, *chunks[:22], *chunks[24:35], stalled, *chunks[35:50], *later, ended]


@cache
def audio(kind: str) -> FloatArray:
    call = stretch(20_000, 32_000)
    return {
        "late echo": lambda: with_echoes(call),
        "early echo": lambda: with_echoes(call, level_db=-15, delay_ms=-150),
        "same mix": lambda: same_mix(call),
        "three legs": lambda: same_mix(call, gains=(1.0, 0.5, 0.9)),
    }[kind]()


@pytest.mark.parametrize("kind", ["late echo", "early echo", "same mix"])
def test_the_lane_survives_a_crash_after_any_message(kind: str) -> None:
    messages = call_of("c", audio(kind), chunk_ms=200)
    undisturbed = lane(messages)

    assert any(crosstalk_ms(undisturbed))
    for crash in range(3, len(messages), 7):
        assert lane(messages, crash) == undisturbed, f"crash after {crash}"


def test_a_rough_call_survives_two_crashes() -> None:
    messages = rough("r")
    undisturbed = lane(messages)

    for crash in range(1, len(messages), 9):
        assert lane(messages, crash, 1 + crash % 17) == undisturbed, f"crash after {crash}"


@pytest.mark.parametrize("kind", ["late echo", "early echo", "same mix", "three legs"])
def test_the_chunk_size_changes_nothing(kind: str) -> None:
    expected = lane(call_of("c", audio(kind), chunk_ms=100))

    for chunk_ms in (20, 190):
        assert lane(call_of("c", audio(kind), chunk_ms=chunk_ms)) == expected


def test_the_calls_exercise_what_can_go_wrong() -> None:
    """Their crosstalk is found, and some of it only after it was passed on."""
    lanes = [lane(call_of("c", audio(kind), chunk_ms=200)) for kind in ("late echo", "same mix")]

    assert any(final.rejected == "crosstalk" for messages in lanes for final in finals(messages))
    assert all(min(crosstalk_ms(messages)[1:]) > 1_000 for messages in lanes)


def finals(messages: Sequence[Message]) -> list[TranscriptFinal]:
    return [message for message in messages if isinstance(message, TranscriptFinal)]


def crosstalk_ms(messages: Sequence[Message]) -> tuple[int, ...]:
    (ended,) = (message for message in messages if isinstance(message, CallTranscribed))
    return ended.summary.crosstalk_ms or ()
