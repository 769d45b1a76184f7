"""A message of the audio topic is the same in each of its forms, and refused alike."""

import struct
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.audio import AudioMessage
from schemas.audio_forms import ARRAY, FORMS, JSON, MAP, MESSAGE_TYPES, named
from schemas.base import MAX_MESSAGE_BYTES
from schemas.codec import decode_audio, encode_audio
from schemas.errors import MalformedMessageError
from tests.contract.audio_examples import AUDIO_EXAMPLES, CALL_ID
from tests.contract.examples import example_id
from tests.contract.generated import JSON_VALUES, messages
from tests.support.examples import examples

UNKNOWN = {"later": [1, {"field": None}]}
_, CHUNK, HELD = AUDIO_EXAMPLES[:3]


def fields_of(message: AudioMessage) -> dict[str, Any]:
    """Return a message as names and values."""
    value = named(type(message))(**msgspec.structs.asdict(message))
    return dict(msgspec.msgpack.decode(msgspec.msgpack.encode(value)))


def written(value: dict[str, Any], message: AudioMessage) -> dict[str, bytes]:
    """Return the bytes of names and values, in the order of the message, in every form."""
    positions = ["schema", *type(message).__struct_fields__]
    return {
        ARRAY.name: msgspec.msgpack.encode([value[name] for name in positions]),
        MAP.name: msgspec.msgpack.encode(value),
        JSON.name: msgspec.json.encode(value),
    }


def outcome(data: bytes) -> AudioMessage | None:
    """Return the message in bytes, None where they are refused."""
    try:
        message: AudioMessage = decode_audio(data)
    except MalformedMessageError:
        return None
    return message


def refusal(data: bytes) -> str:
    """Return why bytes are refused."""
    with pytest.raises(MalformedMessageError) as refused:
        decode_audio(data)
    return str(refused.value)


@examples(300)
@given(message=st.sampled_from(MESSAGE_TYPES).flatmap(messages))
def test_every_form_of_a_message_is_read_as_the_same(message: AudioMessage) -> None:
    forms = written(fields_of(message), message)

    assert forms[ARRAY.name] == encode_audio(message)
    assert [decode_audio(data) for data in forms.values()] == [message] * len(FORMS)


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_we_write_the_compact_form(message: AudioMessage) -> None:
    forms = written(fields_of(message), message)

    assert encode_audio(message)[0] in ARRAY.first_bytes
    assert len(encode_audio(message)) == min(map(len, forms.values()))


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_names_may_come_in_any_order_with_unknown_ones_among_them(message: AudioMessage) -> None:
    """Also within the context; blanks may stand before JSON."""
    value = dict(reversed(fields_of(message).items())) | UNKNOWN
    if "context" in value:
        value["context"] = value["context"] | UNKNOWN

    assert decode_audio(msgspec.msgpack.encode(value)) == message
    assert decode_audio(b" \r\n\t" + msgspec.json.encode(value)) == message


@pytest.mark.parametrize("form", [MAP, JSON], ids=lambda form: form.name)
@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_a_name_may_be_missing_only_where_it_has_a_default(
    message: AudioMessage, form: Any
) -> None:
    encode = msgspec.json.encode if form is JSON else msgspec.msgpack.encode
    for field in msgspec.structs.fields(type(message)):
        value = fields_of(message)
        del value[field.name]
        if field.required:
            reason = refusal(encode(value))
            assert f"missing required field `{field.name}`" in reason
        else:
            changed = {field.name: field.default}
            assert decode_audio(encode(value)) == msgspec.structs.replace(message, **changed)


@examples(300)
@given(data=st.data())
def test_a_value_of_any_type_is_taken_or_refused_in_every_form_alike(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(AUDIO_EXAMPLES))
    value = fields_of(message)
    name = data.draw(st.sampled_from(sorted(value.keys() - {"payloads"})))  # JSON has base64 there
    value[name] = data.draw(JSON_VALUES)

    outcomes = [outcome(each) for each in written(value, message).values()]

    assert outcomes == [outcomes[0]] * len(FORMS)


@examples(500)
@given(form=st.sampled_from(FORMS), data=st.data())
def test_any_bytes_behind_the_first_byte_of_a_form_are_malformed(
    form: Any, data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from(list(form.first_bytes)))
    rest = data.draw(st.binary(max_size=64))

    assert refusal(bytes([first]) + rest)


@examples(500)
@given(data=st.data())
def test_a_damaged_message_of_any_form_is_read_or_malformed(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(AUDIO_EXAMPLES))
    whole = data.draw(st.sampled_from([*written(fields_of(message), message).values()]))
    place = data.draw(st.integers(0, len(whole) - 1))
    lost = data.draw(st.integers(0, 3))

    outcome(whole[:place] + data.draw(st.binary(max_size=3)) + whole[place + lost :])


@given(first=st.integers(0, 255))
@example(first=0x20)
def test_a_first_byte_belongs_to_one_form_or_the_reason_names_it(first: int) -> None:
    known = [form for form in FORMS if first in form.first_bytes]
    assert len(known) <= 1
    if not known:
        reason = refusal(bytes([first]) + b"\x01\x02")
        assert f"0x{first:02x} first" in reason
        assert all(f"{form.name} ({form.shown})" in reason for form in FORMS)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "found no bytes"),
        (b"hello", "found 'h' 0x68 first;"),
        (b'"{}"', "(a JSON string)"),
        (b"[1]", "(a JSON array)"),
        (b"\xef\xbb\xbf{}", "(a byte order mark)"),
        (b"\x00\x00\x00\x00\x07{}", "(as a serializer with a schema registry writes it)"),
        (b"\x1f\x8b\x08", "(gzip)"),
        (b"\x28\xb5\x2f\xfd\x00", "(zstd)"),
        (b"RIFF....WAVE", "(a WAV file)"),
    ],
)
def test_the_refusal_says_what_came_instead_and_what_was_expected(data: bytes, found: str) -> None:
    reason = refusal(data)

    assert found in reason
    assert "expected a MessagePack array" in reason
    assert len(reason) < 300  # the header of a dead letter has 500 characters


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_refusal_names_call_schema_form_and_field(form: Any) -> None:
    value = fields_of(CHUNK) | {"seq": "three"}

    reason = refusal(written(value, CHUNK)[form.name])

    assert reason.startswith(f"call {CALL_ID}: not a message of the audio topic: audio_chunk.v1 as")
    assert form.name in reason
    assert "Expected `int`, got `str`" in reason
    assert "seq" in reason


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("schema", ["audio_chunk.v9", 7, None])
def test_the_refusal_of_an_unknown_schema_lists_the_known_ones(form: Any, schema: object) -> None:
    reason = refusal(written(fields_of(HELD) | {"schema": schema}, HELD)[form.name])

    assert f"call {CALL_ID}: " in reason
    assert "the schema is one of call_started.v1, audio_chunk.v1" in reason


def test_what_a_producer_wrote_is_shown_short_and_without_control_characters() -> None:
    value = fields_of(HELD) | {"call_id": "\x1b[31m" + "c" * 10_000, "at_ms": "now"}

    reason = refusal(msgspec.json.encode(value))

    assert reason.startswith("call \ufffd[31mccc")
    assert "\x1b" not in reason
    assert len(reason) < 300


@pytest.mark.parametrize("text", ["//8", "__8=", "//8=\n", "not base64!"])
def test_a_payload_that_is_no_base64_is_malformed(text: str) -> None:
    """The standard alphabet, with its padding."""
    value = fields_of(CHUNK) | {"payloads": [text, ""]}

    assert "`$.payloads[0]`" in refusal(msgspec.json.encode(value))


MANY = struct.pack(">I", 2**32 - 1)
HEAD = msgspec.msgpack.encode(fields_of(HELD))
SIZE = MAX_MESSAGE_BYTES - 64
BOMBS = {
    "a map of four billion entries": b"\xdf" + MANY,
    "a context of four billion entries": b"\x81\xa7context\xdf" + MANY,
    "an unknown array of four billion": bytes([HEAD[0] + 1]) + HEAD[1:] + b"\xa1x\xdd" + MANY,
    "a name of four gigabytes": b"\x81\xdb" + MANY,
    "maps in maps": b"\x81\xa1a" * (SIZE // 3),
    "arrays in a map": b"\x81\xa1a" + b"\x91" * SIZE,
    "objects in objects": b'{"a":' * (SIZE // 5),
    "arrays in an object": b'{"a":' + b"[" * SIZE,
    "a million objects": b'{"a":[' + b"{}," * (SIZE // 3) + b"{}]}",
    "a million arrays": b'{"a":[' + b"[]," * (SIZE // 3) + b"[]]}",
    "a million names": b"{" + b",".join(b'"%d":[]' % n for n in range(SIZE // 13)) + b"}",
    "a million small arrays": b"\x81\xa1a\xdd" + struct.pack(">I", SIZE) + b"\x90" * SIZE,
    "a number of a million digits": b'{"captured_at_ns":' + b"9" * 10**6 + b"}",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_message_costs_no_more_memory_than_its_bytes(kind: str) -> None:
    """Nothing is made of what no field asks for, in any form."""
    tracemalloc.start()
    try:
        assert refusal(BOMBS[kind])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MAX_MESSAGE_BYTES
