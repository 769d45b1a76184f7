"""Bytes of messages, and messages of bytes.

On the audio topic we write MessagePack arrays, and read two further forms (`audio_forms`); every
other topic is JSON, written and read by orjson and validated by msgspec. Readers tolerate unknown
fields and missing optional ones.
"""

from functools import cache
from typing import Any, TypeVar, get_args

import msgspec
import orjson

from schemas.audio import AudioMessage
from schemas.audio_forms import UNREADABLE, explanation, form_of
from schemas.base import MAX_MESSAGE_BYTES
from schemas.errors import MalformedMessageError

StructT = TypeVar("StructT")
TAG_FIELD = "schema"

_audio_encoder = msgspec.msgpack.Encoder()


def encode_audio(message: AudioMessage) -> bytes:
    """Return the MessagePack bytes of a message of the audio topic."""
    return _audio_encoder.encode(message)


def decode_audio(data: bytes) -> Any:
    """Return the message of the audio topic that ``data`` holds, in any of its forms.

    Raises:
        MalformedMessageError: Too large, none of the forms, an unknown schema, or a field of a
            wrong type.
    """
    _check_size(data)
    form = form_of(data)
    try:
        return form.decode(data)
    except UNREADABLE as error:
        raise MalformedMessageError(explanation(data, form, error)) from error


def encode_json(message: msgspec.Struct) -> bytes:
    """Return the JSON bytes of a message, fields in the order of their declaration."""
    return orjson.dumps(msgspec.to_builtins(message))


def decode_json(data: bytes, message_type: Any) -> Any:
    """Return the message of ``message_type`` (a struct or a union of them) in ``data``.

    Raises:
        MalformedMessageError: Too large, not JSON, an unknown schema, or a field of a wrong type.
    """
    _check_size(data)
    try:
        value = orjson.loads(data)
        return msgspec.convert(value, _member_of(message_type, value))
    except (orjson.JSONDecodeError, msgspec.ValidationError, RecursionError) as error:
        message = f"not a message of this topic: {error}"
        raise MalformedMessageError(message) from error


def _check_size(data: bytes) -> None:
    """Refuse what no client of ours could send: as values it may take twenty times the memory."""
    if len(data) > MAX_MESSAGE_BYTES:
        message = f"{len(data)} bytes; a message has at most {MAX_MESSAGE_BYTES}"
        raise MalformedMessageError(message)


def _member_of(message_type: Any, value: Any) -> Any:
    """Return the struct of a union that a value says it is, else the union itself.

    msgspec works out a union's members anew at every call, which costs ten times the conversion.
    """
    tag = value.get(TAG_FIELD) if isinstance(value, dict) else None
    return (
        _members_by_tag(message_type).get(tag, message_type)
        if isinstance(tag, str)
        else message_type
    )


@cache
def _members_by_tag(message_type: Any) -> dict[str, Any]:
    members = get_args(message_type)
    configs = {member: getattr(member, "__struct_config__", None) for member in members}
    return {
        config.tag: member
        for member, config in configs.items()
        if config is not None and config.tag_field == TAG_FIELD
    }


def to_state(value: msgspec.Struct) -> dict[str, object]:
    """Return a state struct as the JSON values that a checkpoint carries."""
    state: dict[str, object] = msgspec.to_builtins(value)
    return state


def from_state(state: dict[str, object], state_type: type[StructT]) -> StructT:
    """Return the state struct of a checkpoint.

    Raises:
        MalformedMessageError: The state does not fit the type.
    """
    try:
        return msgspec.convert(state, state_type)
    except (msgspec.ValidationError, RecursionError) as error:
        message = f"not a state of {state_type.__name__}: {error}"
        raise MalformedMessageError(message) from error
