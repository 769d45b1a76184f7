"""A message refuses itself where a field is too large, and legal ones stay small enough."""

import resource
import struct
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from schemas import base
from schemas.audio import (
    MAX_PAYLOAD_BYTES,
    AudioChunk,
    AudioMessage,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStarted,
    DtmfPressed,
)
from schemas.base import CallContext
from schemas.codec import decode_audio, decode_json, encode_audio, encode_json
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from schemas.transcripts import CallTranscribed, TranscriptTopicMessage
from schemas.turns import FinalizedCall, TurnTopicMessage
from stream_app.agents.detect_turns import turn_config
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Emit
from stream_app.calls.finalize.finalizer import CallFinalizer, FinalizeConfig
from stream_app.settings import Settings
from tests.support.calls.recorded_calls import transcriber

WORST = "\x01"  # six bytes as JSON
MANY = 100_000_000
HOLDS = range(2**40 - 2 * base.MAX_HOLDS, 2**40 - 1, 2)
ROOM = 64 * 1024  # for key, headers and framing beside the value


def started(**fields: Any) -> CallStarted:
    values: dict[str, Any] = {"event_id": "e", "call_id": "c", "captured_at_ns": 1}
    values |= {"parties": ("agent",), "encoding": "mulaw", "sample_rate_hz": 8_000, **fields}
    return CallStarted(**values)


def context(**fields: Any) -> CallStarted:
    return started(context=CallContext(**fields))


def chunk(*payloads: bytes) -> AudioChunk:
    return AudioChunk(
        event_id="e",
        call_id="c",
        captured_at_ns=1,
        seq=0,
        start_ms=0,
        encoding="pcm16",
        sample_rate_hz=48_000,
        payloads=payloads,
    )


def pressed(digit: str, at_ms: int = 0) -> DtmfPressed:
    return DtmfPressed(
        event_id="e", call_id="c", captured_at_ns=1, at_ms=at_ms, channel=255, digit=digit
    )


def attributes(count: int, key: int = base.MAX_ATTRIBUTE_KEY, value: int = 1) -> dict[str, str]:
    return {f"{n:04}".ljust(key, "k"): WORST * value for n in range(count)}


AT_THE_BOUND: dict[str, tuple[AudioMessage, AudioMessage]] = {
    "call_id": (started(call_id="c" * base.MAX_CALL_ID), started(call_id="c" * 257)),
    "no call_id": (started(call_id="c"), started(call_id="")),
    "event_id": (started(event_id="e" * base.MAX_IDENTIFIER), started(event_id="e" * 513)),
    "parties": (started(parties=("agent",) * 8), started(parties=("agent",) * 9)),
    "sample rate": (started(sample_rate_hz=10**6), started(sample_rate_hz=10**6 + 1)),
    "agent_id": (context(agent_id="a" * base.MAX_NAME), context(agent_id="a" * 257)),
    "customer_id": (context(customer_id="a" * base.MAX_NAME), context(customer_id="a" * 257)),
    "queue": (context(queue="a" * base.MAX_NAME), context(queue="a" * 257)),
    "domain": (context(domain="a" * base.MAX_NAME), context(domain="a" * 257)),
    "language": (context(language="a" * base.MAX_LANGUAGE), context(language="a" * 65)),
    "hot words": (context(hot_words=("w",) * 100), context(hot_words=("w",) * 101)),
    "hot word": (context(hot_words=("w" * 100,)), context(hot_words=("w" * 101,))),
    "attributes": (context(attributes=attributes(64)), context(attributes=attributes(65))),
    "attribute key": (
        context(attributes=attributes(1, key=128)),
        context(attributes=attributes(1, key=129)),
    ),
    "attribute value": (
        context(attributes=attributes(1, value=2_048)),
        context(attributes=attributes(1, value=2_049)),
    ),
    "payloads": (chunk(*[b"\x00"] * 8), chunk(*[b"\x00"] * 9)),
    "payload": (chunk(bytes(MAX_PAYLOAD_BYTES)), chunk(bytes(MAX_PAYLOAD_BYTES + 1))),
    "digit": (pressed("1" * base.MAX_DIGIT), pressed("1" * 65)),
}


@pytest.mark.parametrize("name", AT_THE_BOUND)
def test_a_field_is_read_up_to_its_bound_and_refused_beyond(name: str) -> None:
    largest, too_large = AT_THE_BOUND[name]

    assert decode_audio(encode_audio(largest)) == largest
    with pytest.raises(MalformedMessageError):
        decode_audio(encode_audio(too_large))


@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\x7f", "\x9b"])
@pytest.mark.parametrize("place", ["{}call", "ca{}ll", "call{}"])
def test_a_call_id_with_control_characters_is_malformed(character: str, place: str) -> None:
    """On every topic: it is a key, and a word on terminals."""
    call_id = place.format(character)
    complete = msgspec.structs.replace(closed_call(), call_id=call_id)

    with pytest.raises(MalformedMessageError):
        decode_audio(encode_audio(started(call_id=call_id)))
    with pytest.raises(MalformedMessageError):
        decode_json(encode_json(complete), TranscriptTopicMessage)


@pytest.mark.parametrize("call_id", ["Müller ☎ 7", "+49 30 1234567", "sip:a@b;tag=1", "😀" * 256])
def test_any_other_text_may_be_a_call_id(call_id: str) -> None:
    assert decode_audio(encode_audio(started(call_id=call_id))).call_id == call_id


CHUNK_HEAD = ["audio_chunk.v1", "e", "c", 1, 0, 0, "mulaw", 8_000]
START_HEAD = ["call_started.v1", "e", "c", 1, ["agent"], "mulaw", 8_000]
ARRAY, MAP = b"\xdd", b"\xdf"


@pytest.mark.parametrize(
    ("elements", "claim"),
    [
        ([], ARRAY),
        (CHUNK_HEAD, ARRAY),
        (START_HEAD[:4], ARRAY),
        (START_HEAD, MAP),
        ([*START_HEAD, {"hot_words": 0}], ARRAY),
        ([*START_HEAD, {"attributes": 0}], MAP),
    ],
    ids=["message", "payloads", "parties", "context", "hot words", "attributes"],
)
def test_a_claim_of_a_hundred_million_entries_costs_nothing(
    elements: list[Any], claim: bytes
) -> None:
    """Sixty bytes that promise more than any memory holds."""
    head = msgspec.msgpack.encode(elements)[1:]
    if elements and isinstance(elements[-1], dict):
        head = head[:-1]  # the claim takes the place of the last value
    count = len(elements) + (not (elements and isinstance(elements[-1], dict)))
    bomb = claim if not elements else bytes([0x90 + count]) + head + claim
    bomb += struct.pack(">I", MANY)

    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MalformedMessageError):
        decode_audio(bomb)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 * 1024


def worst_context() -> CallContext:
    return CallContext(
        started_at_ns=2**63 - 1,
        direction="outbound",
        agent_id=WORST * base.MAX_NAME,
        customer_id=WORST * base.MAX_NAME,
        queue=WORST * base.MAX_NAME,
        queue_wait_ms=2**40,
        domain=WORST * base.MAX_NAME,
        language=WORST * base.MAX_LANGUAGE,
        hot_words=(WORST * base.MAX_HOT_WORD,) * base.MAX_HOT_WORDS,
        attributes={
            f"{n:02}".rjust(base.MAX_ATTRIBUTE_KEY, WORST): WORST * base.MAX_ATTRIBUTE_VALUE
            for n in range(base.MAX_ATTRIBUTES)
        },
    )


def closed_call() -> CallTranscribed:
    (closed,) = outputs(transcriber("c"), [call_end("c")], [])
    assert isinstance(closed, CallTranscribed)
    return closed


def call_end(call_id: str) -> CallEnded:
    return CallEnded(event_id="e", call_id=call_id, captured_at_ns=1)


def outputs(
    machine: CallMachine[Any, Any], messages: Iterable[Any], checkpoints: list[Checkpoint]
) -> list[Any]:
    emitted = []
    for offset, message in enumerate(messages):
        for effect in machine.feed(message, offset):
            if isinstance(effect, Emit):
                emitted.append(effect.message)
            elif isinstance(effect, Commit) and effect.checkpoint is not None:
                checkpoints[:] = [effect.checkpoint]
    return emitted


def test_what_the_largest_legal_values_lead_to_fits_into_a_message() -> None:
    """Through all machines: every output and the last checkpoint, as JSON."""
    call_id = "😀" * base.MAX_CALL_ID
    replace = msgspec.structs.replace
    held = [CallHeld(event_id="e", call_id=call_id, captured_at_ns=1, at_ms=n) for n in HOLDS]
    resumed = [
        CallResumed(event_id="e", call_id=call_id, captured_at_ns=1, at_ms=n + 1) for n in HOLDS
    ]
    keys = [pressed(WORST * base.MAX_DIGIT, 2**40 - n) for n in range(base.MAX_DTMF_KEYS)]
    first = started(call_id=call_id, parties=("customer",) * 8, context=worst_context())
    control = [*held, *resumed, *(replace(key, call_id=call_id) for key in keys)]
    checkpoints: list[Checkpoint] = []
    sizes = []

    machine = transcriber(call_id)
    outputs(machine, [first, *control], checkpoints)
    sizes.append(len(encode_json(checkpoints[0])))
    transcribed = outputs(machine, [call_end(call_id)], checkpoints)
    lane = [decode_json(encode_json(m), TranscriptTopicMessage) for m in transcribed]
    turns = outputs(CallTurns(call_id, turn_config(Settings().turns)), lane, checkpoints)
    sizes += [len(encode_json(message)) for message in (*transcribed, *turns, *checkpoints)]
    lane = [decode_json(encode_json(m), TurnTopicMessage) for m in turns]
    final = outputs(CallFinalizer(call_id, FinalizeConfig()), lane, checkpoints)
    sizes += [len(encode_json(message)) for message in (*final, *checkpoints)]

    (finalized,) = final
    assert decode_json(encode_json(finalized), FinalizedCall).context == first.context
    assert not finalized.is_abridged
    assert max(sizes) < base.MAX_MESSAGE_BYTES - ROOM
    assert max(sizes) > base.MAX_MESSAGE_BYTES // 2  # it is the worst case indeed
