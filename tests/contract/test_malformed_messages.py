"""Whatever stands on a topic, a reader gets a message or a MalformedMessageError."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.audio import AudioMessage
from schemas.catalogue import AUDIO, TOPICS
from schemas.codec import decode_audio, decode_json, from_state
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from schemas.transcripts import TranscriptTopicMessage
from stream_app.calls.detect_turns.call_state import CallState
from tests.contract.audio_examples import AUDIO_EXAMPLES
from tests.contract.examples import JSON_EXAMPLES, golden_path
from tests.contract.generated import JSON_VALUES
from tests.support.examples import examples

Decode = Callable[[bytes], Any]

DECODERS: dict[str, Decode] = {spec.name: spec.decode for spec in TOPICS if spec.types}
JSON_DECODERS = {name: decode for name, decode in DECODERS.items() if name != AUDIO}

GARBAGE = {
    "nothing": b"",
    "zero": b"\x00",
    "text": b"hello",
    "half an object": b'{"schema":"turn_ended.v1"',
    "an object without schema": b"{}",
    "an unknown schema": b'{"schema":"nobody_knows.v9"}',
    "a schema that is no string": b'{"schema":7}',
    "a schema alone": b'{"schema":"checkpoint.v1"}',
    "null": b"null",
    "a number": b"17",
    "a huge number": b"1" * 400,
    "not a number": b"NaN",
    "invalid UTF-8": b'{"schema":"\xff\xfe"}',
    "a lone surrogate": b'"\\ud800"',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "deep JSON arrays": b"[" * 200_000,
    "deep JSON objects": b'{"a":' * 200_000,
    "deep MessagePack arrays": b"\x91" * 200_000,
    "deep MessagePack maps": b"\x81\xa1a" * 200_000,
    "an array that promises four billion elements": b"\xdd\xff\xff\xff\xff",
    "a map that promises four billion entries": b"\xdf\xff\xff\xff\xff",
    "a string that promises four gigabytes": b"\xdb\xff\xff\xff\xff",
    "a MessagePack extension": b"\xc7\x01\x05\x00",
    "a MessagePack array without a tag": b"\x90",
    "a MessagePack string of invalid UTF-8": b"\x91\xa2\xff\xfe",
    "a byte that MessagePack never uses": b"\xc1",
}


@pytest.mark.parametrize("topic", DECODERS)
@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_malformed(topic: str, kind: str) -> None:
    with pytest.raises(MalformedMessageError):
        DECODERS[topic](GARBAGE[kind])


@pytest.mark.parametrize("topic", DECODERS)
@given(data=st.binary(max_size=64))
def test_any_bytes_are_malformed(topic: str, data: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        DECODERS[topic](data)


@examples(300)
@given(data=st.data())
def test_damaged_messages_are_read_or_malformed(data: st.DataObject) -> None:
    """A byte changed, inserted or lost."""
    message = data.draw(st.sampled_from((*AUDIO_EXAMPLES, *JSON_EXAMPLES)))
    whole = golden_path(message).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    lost = data.draw(st.integers(0, 3))
    damaged = whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + lost :]

    _read_or_refuse(message, damaged)


@pytest.mark.parametrize(
    "message", [*AUDIO_EXAMPLES, *JSON_EXAMPLES], ids=lambda m: type(m).__name__
)
def test_a_message_that_was_cut_off_is_malformed(message: msgspec.Struct) -> None:
    whole = golden_path(message).read_bytes()
    decoders = DECODERS.values() if isinstance(message, AudioMessage) else JSON_DECODERS.values()

    for length in range(len(whole)):
        for decode in decoders:
            with pytest.raises(MalformedMessageError):
                decode(whole[:length])


@examples(300)
@given(data=st.data())
def test_fields_of_any_type_are_read_or_malformed(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(JSON_EXAMPLES))
    value = orjson.loads(golden_path(message).read_bytes())
    value[data.draw(st.sampled_from(sorted(value)))] = data.draw(JSON_VALUES)

    _read_or_refuse(message, orjson.dumps(value))


@pytest.mark.parametrize("message", JSON_EXAMPLES, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("wrong", [[], {}, None, 1.5, "seven", True, 1e300])
def test_a_field_of_a_wrong_type_is_malformed(message: msgspec.Struct, wrong: object) -> None:
    (field,) = {"captured_at_ns", "written_at_ns"} & set(message.__struct_fields__)
    value = {**orjson.loads(golden_path(message).read_bytes()), field: wrong}

    for decode in JSON_DECODERS.values():
        with pytest.raises(MalformedMessageError):
            decode(orjson.dumps(value))


@pytest.mark.parametrize("depth", [100, 500, 1_000, 1_020, 1_023, 1_100, 50_000])
def test_the_state_of_a_checkpoint_may_be_nested_or_is_malformed(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    data = b'{"schema":"checkpoint.v1","agent":"a","call_id":"c","position":[1],'
    data += b'"is_closed":false,"state":{"nested":' + nested + b"}}"

    try:
        assert isinstance(decode_json(data, Checkpoint), Checkpoint)
    except MalformedMessageError:
        assert depth > 500


def test_unknown_elements_may_be_nested_or_are_malformed() -> None:
    elements = ["call_held.v1", "e", "c", 1, 2]
    data = b"\x96" + msgspec.msgpack.encode(elements)[1:]

    assert decode_audio(data + b"\x91" * 100 + b"\x01")
    with pytest.raises(MalformedMessageError):
        decode_audio(data + b"\x91" * 100_000 + b"\x01")


def test_a_number_beyond_64_bits_is_malformed() -> None:
    data = golden_path(JSON_EXAMPLES[0]).read_bytes()
    assert b'"at_ms":1828' in data

    with pytest.raises(MalformedMessageError):
        decode_json(data.replace(b'"at_ms":1828', b'"at_ms":' + b"9" * 30), TranscriptTopicMessage)


@given(state=st.dictionaries(st.sampled_from(("channels", "turns")), JSON_VALUES, min_size=1))
def test_a_state_of_another_kind_is_read_or_malformed(state: dict[str, object]) -> None:
    try:
        assert isinstance(from_state(state, CallState), CallState)
    except MalformedMessageError:
        assert state


def _read_or_refuse(message: msgspec.Struct, data: bytes) -> None:
    decoders = [decode_audio] if isinstance(message, AudioMessage) else JSON_DECODERS.values()
    for decode in decoders:
        with suppress(MalformedMessageError):
            assert isinstance(decode(data), msgspec.Struct)
