from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from schemas.audio import AudioMessage
from schemas.audio_forms import named
from schemas.catalogue import MESSAGE_TYPES
from schemas.codec import encode_json
from schemas.descriptions import field_descriptions, structs_of, summary_of
from schemas.export import (
    DEFAULT_FOLDER,
    export_schemas,
    json_schema,
    main,
    schema_files,
    schema_name,
)
from tests.contract.audio_examples import AUDIO_EXAMPLES
from tests.contract.examples import JSON_EXAMPLES, example_id
from tests.contract.generated import messages
from tests.support.examples import examples

EXAMPLES = (*AUDIO_EXAMPLES, *JSON_EXAMPLES)
VALIDATORS = {
    message_type: Draft202012Validator(json_schema(message_type)) for message_type in MESSAGE_TYPES
}


def written(message: msgspec.Struct) -> Any:
    """Return a message as a JSON reader sees it; bytes are base64."""
    if isinstance(message, AudioMessage):
        fields = msgspec.msgpack.decode(msgspec.msgpack.encode(message))
        return orjson.loads(orjson.dumps(_without_bytes(fields)))
    return orjson.loads(encode_json(message))


def by_name(message: AudioMessage) -> Any:
    """Return a message of the audio topic as a JSON object, as a producer writes it."""
    value = named(type(message))(**msgspec.structs.asdict(message))
    return orjson.loads(msgspec.json.encode(value))


def test_the_schemas_in_the_tree_are_up_to_date() -> None:
    """Otherwise: callstream schemas export."""
    in_tree = {path.name: path.read_bytes() for path in DEFAULT_FOLDER.iterdir()}

    assert in_tree == schema_files()


def test_every_message_has_a_schema_and_an_example() -> None:
    assert {type(message) for message in EXAMPLES} == set(MESSAGE_TYPES)
    assert len({schema_name(message_type) for message_type in MESSAGE_TYPES}) == len(MESSAGE_TYPES)


def test_the_command_writes_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "json")]) == 0

    found = {path.name: path.read_bytes() for path in (tmp_path / "json").iterdir()}
    assert found == schema_files()
    assert f"{len(found)} schemas" in capsys.readouterr().out


def test_writing_them_again_changes_nothing(tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in export_schemas(tmp_path)}

    assert {path: path.read_bytes() for path in export_schemas(tmp_path)} == first


@pytest.mark.parametrize("message_type", MESSAGE_TYPES, ids=schema_name)
def test_every_schema_is_one(message_type: type[msgspec.Struct]) -> None:
    Draft202012Validator.check_schema(json_schema(message_type))


@pytest.mark.parametrize("message", EXAMPLES, ids=example_id)
def test_the_schema_accepts_what_we_write(message: msgspec.Struct) -> None:
    VALIDATORS[type(message)].validate(written(message))


@examples(200)
@given(message=st.sampled_from(MESSAGE_TYPES).flatmap(messages))
def test_the_schema_accepts_whatever_we_could_write(message: msgspec.Struct) -> None:
    VALIDATORS[type(message)].validate(written(message))


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_the_schema_of_an_audio_message_accepts_both_names_and_positions(
    message: AudioMessage,
) -> None:
    validator, value = VALIDATORS[type(message)], by_name(message)

    validator.validate(value)
    assert isinstance(written(message), list)
    for name in sorted(value.keys() - {"context", "reason", "after_seq"}):
        assert not validator.is_valid({each: value[each] for each in value if each != name}), name


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_the_positions_of_an_audio_message_bear_its_names(message: AudioMessage) -> None:
    items = json_schema(type(message))["$defs"][type(message).__name__]["prefixItems"]

    assert [item["title"] for item in items] == ["schema", *message.__struct_fields__]


@pytest.mark.parametrize("message_type", MESSAGE_TYPES, ids=schema_name)
def test_every_type_and_every_field_is_described(message_type: type[msgspec.Struct]) -> None:
    """Otherwise: a line below Attributes of its docstring."""
    for struct in structs_of(message_type):
        assert summary_of(struct)
        assert list(field_descriptions(struct)) == list(struct.__struct_fields__), struct
        definition = json_schema(message_type)["$defs"][struct.__name__]
        items = definition.get("prefixItems") or list(definition["properties"].values())
        described = [item["description"] for item in items if "description" in item]
        assert described == list(field_descriptions(struct).values())


@pytest.mark.parametrize("message", JSON_EXAMPLES, ids=example_id)
def test_the_schema_refuses_a_message_without_its_required_fields(message: msgspec.Struct) -> None:
    with pytest.raises(ValidationError):
        VALIDATORS[type(message)].validate({"schema": schema_name(type(message))})


@pytest.mark.parametrize("message", AUDIO_EXAMPLES, ids=example_id)
def test_the_schema_refuses_an_array_that_is_too_short(message: msgspec.Struct) -> None:
    with pytest.raises(ValidationError):
        VALIDATORS[type(message)].validate(written(message)[:3])


@pytest.mark.parametrize("message_type", MESSAGE_TYPES, ids=schema_name)
def test_the_schema_of_a_message_refuses_all_others(message_type: type[msgspec.Struct]) -> None:
    accepted = [
        schema_name(type(message))
        for message in EXAMPLES
        if VALIDATORS[message_type].is_valid(written(message))
    ]

    assert accepted == [schema_name(message_type)]


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, list):
        return [_without_bytes(item) for item in value]
    return value
