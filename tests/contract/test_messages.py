"""What stands on a topic today is read by tomorrow's code, and the other way round."""

from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields as struct_fields

from schemas.audio import AudioMessage
from schemas.catalogue import AUDIO, MESSAGE_TYPES, TOPICS, encode, spec_of
from schemas.codec import decode_audio, decode_json, encode_audio, encode_json
from schemas.export import schema_name
from schemas.operations import Checkpoint
from tests.contract.audio_examples import AUDIO_EXAMPLES
from tests.contract.examples import GOLDEN, JSON_EXAMPLES, example_id, golden_path
from tests.contract.generated import JSON_VALUES, messages
from tests.support.examples import examples

EXAMPLES = (*AUDIO_EXAMPLES, *JSON_EXAMPLES)
AUDIO_MESSAGE_TYPES = spec_of(AUDIO).types
JSON_MESSAGE_TYPES = tuple(t for t in MESSAGE_TYPES if t not in AUDIO_MESSAGE_TYPES)
FREE_FORM = {"attributes", "models", "details"}  # any keys are theirs
UNKNOWN = {"later": [1, {"field": None}]}


def decode(data: bytes, message_type: type[msgspec.Struct]) -> Any:
    """Return what a reader of the message's topic decodes."""
    return next(spec for spec in TOPICS if message_type in spec.types).decode(data)


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_a_message_is_written_as_its_golden_bytes(message: msgspec.Struct) -> None:
    assert encode(message) == golden_path(message).read_bytes()


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_the_golden_bytes_are_read_as_the_message(message: msgspec.Struct) -> None:
    assert decode(golden_path(message).read_bytes(), type(message)) == message


def test_every_golden_file_belongs_to_an_example() -> None:
    assert set(GOLDEN.iterdir()) == {golden_path(message) for message in EXAMPLES}


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_an_example_leaves_no_field_at_its_default(message: msgspec.Struct) -> None:
    """Or the golden bytes would not show it."""
    for field in struct_fields(type(message)):
        if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT:
            continue
        if _is_constant(field):
            continue
        assert getattr(message, field.name) != _default(field), field.name


@pytest.mark.parametrize("message", JSON_EXAMPLES, ids=example_id)
def test_fields_that_a_reader_does_not_know_are_ignored(message: msgspec.Struct) -> None:
    """At any depth."""
    value = _extended(orjson.loads(encode_json(message)))
    assert value["later"] == UNKNOWN["later"]

    assert decode(orjson.dumps(value), type(message)) == message


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_array_elements_that_a_reader_does_not_know_are_ignored(message: AudioMessage) -> None:
    elements = msgspec.msgpack.decode(encode_audio(message))

    data = msgspec.msgpack.encode([*elements, "later", {"field": [None, b"\x00"]}])

    assert decode_audio(data) == message


@pytest.mark.parametrize("message", JSON_EXAMPLES, ids=example_id)
def test_a_missing_optional_field_has_its_default(message: msgspec.Struct) -> None:
    value = orjson.loads(encode_json(message))

    for field in _optional_fields(type(message)):
        older = {name: item for name, item in value.items() if name != field.name}
        expected = msgspec.structs.replace(message, **{field.name: _default(field)})
        assert decode(orjson.dumps(older), type(message)) == expected, field.name


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_missing_last_elements_have_their_defaults(message: AudioMessage) -> None:
    elements = msgspec.msgpack.decode(encode_audio(message))
    optional = list(_optional_fields(type(message)))

    for missing in range(1, len(optional) + 1):
        changes = {field.name: _default(field) for field in optional[-missing:]}
        older = msgspec.msgpack.encode(elements[:-missing])
        assert decode_audio(older) == msgspec.structs.replace(message, **changes)


def test_optional_fields_of_parts_may_be_missing() -> None:
    """A call of an older gateway and of an older transcribe."""
    (complete,) = (m for m in JSON_EXAMPLES if schema_name(type(m)) == "call_turns_complete.v1")
    value = orjson.loads(encode_json(complete))
    value["summary"] = {
        name: value["summary"][name] for name in ("parties", "duration_ms", "end_reason")
    } | {"context": {}}

    summary = decode(orjson.dumps(value), type(complete)).summary

    assert (summary.holds, summary.lane_seqs, summary.models) == ((), (), {})
    assert summary.context.direction == "unknown"


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_optional_elements_stand_last(message: AudioMessage) -> None:
    """Positions are the contract of the audio topic."""
    names = [field.name for field in struct_fields(type(message))]
    optional = [field.name for field in _optional_fields(type(message))]

    assert names[len(names) - len(optional) :] == optional


@examples(200)
@given(message=st.sampled_from(AUDIO_MESSAGE_TYPES).flatmap(messages))
def test_audio_messages_survive_the_topic(message: AudioMessage) -> None:
    assert decode_audio(encode_audio(message)) == message


@examples(300)
@given(message=st.sampled_from(JSON_MESSAGE_TYPES).flatmap(messages))
def test_json_messages_survive_the_topic(message: msgspec.Struct) -> None:
    assert decode(encode_json(message), type(message)) == message


@settings(deadline=None)
@given(state=st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4))
def test_the_state_of_a_checkpoint_survives(state: dict[str, object]) -> None:
    checkpoint = Checkpoint(agent="a", call_id="c", position=(1,), is_closed=False, state=state)

    assert decode_json(encode_json(checkpoint), Checkpoint) == checkpoint


def test_every_message_of_a_topic_is_told_by_its_schema() -> None:
    names = {schema_name(message_type) for message_type in MESSAGE_TYPES}

    assert len(names) == sum(len(spec.types) for spec in TOPICS)
    assert all(name.endswith(".v1") for name in names)


def _is_constant(field: msgspec.structs.FieldInfo) -> bool:
    return field.name == "is_final"


def _optional_fields(message_type: type[msgspec.Struct]) -> Iterator[msgspec.structs.FieldInfo]:
    for field in struct_fields(message_type):
        if not field.required:
            yield field


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _extended(value: Any, *, is_free: bool = False) -> Any:
    """Return a JSON value with an unknown field in every object; a state is the agent's own."""
    if isinstance(value, list):
        return [_extended(item) for item in value]
    if not isinstance(value, dict):
        return value
    items = {
        name: item if name == "state" else _extended(item, is_free=name in FREE_FORM)
        for name, item in value.items()
    }
    return items if is_free else {**items, **UNKNOWN}
