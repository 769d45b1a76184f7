"""The three forms of a message of the audio topic, told apart by the first byte.

A MessagePack array is compact, and the form that we write. A MessagePack map and a JSON object
name their fields, so that a producer needs no table of positions; in JSON a payload is base64.
All three are as strict: each field has its type and bounds, unknown ones are ignored. msgspec reads
all of them, also JSON: it skips what no field asks for, where orjson would make values of it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any, get_args

import msgspec
from msgspec.structs import FieldInfo, asdict, fields

from schemas.audio import AudioMessage, AudioTopicMessage
from schemas.errors import MalformedMessageError

MESSAGE_TYPES: tuple[type[AudioMessage], ...] = get_args(AudioTopicMessage)
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
BLANKS = b" \t\r\n"  # may stand before a JSON object; MessagePack has small numbers there
POSITION = re.compile(r"`\$\[(\d+)\]")  # in an error of msgspec: of an array's element
SCHEMA_PLACES = ("`$[0]`", "`$.schema`", "field `schema`")  # in such an error
MAX_SHOWN = 40  # characters of a schema or a call id that a producer wrote

# What producers write in place of a message, by its first bytes
MISTAKEN = {
    b"\x00": "as a serializer with a schema registry writes it",
    b"[": "a JSON array",
    b'"': "a JSON string",
    b"\xef\xbb\xbf": "a byte order mark",
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"RIFF": "a WAV file",
}


@dataclass(frozen=True, slots=True)
class Form:
    """A form of messages.

    Attributes:
        first_bytes: Each of them begins such a message, and nothing else.
        shown: The first bytes in words.
        decode: Returns the message; raises one of `UNREADABLE`.
        head: Returns the values of ``schema`` and ``call_id``, unchecked, None where missing.
    """

    name: str
    first_bytes: bytes
    shown: str
    decode: Callable[[bytes], AudioMessage]
    head: Callable[[bytes], tuple[Any, Any]]


@cache
def named(message_type: type[AudioMessage]) -> type[msgspec.Struct]:
    """Return the type of the same messages whose fields have names instead of positions."""
    specs = [
        (each.name, each.type) if each.required else (each.name, each.type, _default(each))
        for each in fields(message_type)
    ]
    config = message_type.__struct_config__
    return msgspec.defstruct(
        f"{message_type.__name__}ByName",
        specs,
        frozen=True,
        kw_only=True,
        tag=config.tag,
        tag_field=config.tag_field,
    )


def _default(field: FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return msgspec.field(default_factory=field.default_factory)


def form_of(data: bytes) -> Form:
    """Return the form of a message by its first byte.

    Raises:
        MalformedMessageError: It has none of them; says what was found and what was expected.
    """
    first = data[:1] if data[:1] not in BLANKS else data.lstrip(BLANKS)[:1]
    form = _form_by_byte().get(first)
    if form is None:
        expected = ", ".join(f"a {each.name} ({each.shown})" for each in FORMS)
        message = f"not a message of the audio topic: found {_found(data)}; expected {expected}"
        raise MalformedMessageError(message)
    return form


def explanation(data: bytes, form: Form, error: Exception) -> str:
    """Return which message of a form cannot be read, and why: its call, its schema, the field."""
    schema = call_id = None
    with suppress(*UNREADABLE):
        schema, call_id = form.head(data)
    subject = f"{_shown(schema) or 'a message'} as a {form.name}"
    call = f"call {_shown(call_id)}: " if _shown(call_id) else ""
    return f"{call}not a message of the audio topic: {subject}: {_with_name(str(error), schema)}"


def _found(data: bytes) -> str:
    if not data:
        return "no bytes"
    byte = data[:1]
    character = f"'{byte.decode()}' " if byte.isascii() and byte.decode().isprintable() else ""
    begin = next((text for start, text in MISTAKEN.items() if data.startswith(start)), "")
    return f"{character}0x{byte.hex()} first" + (f" ({begin})" if begin else "")


def _shown(value: Any) -> str:
    """Return a text that a producer wrote, short and without control characters."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else "\ufffd" for c in value[:MAX_SHOWN])


def _with_name(error: str, schema: Any) -> str:
    """Return msgspec's words with the field's name beside its position, or what a schema may be."""
    names = {str(tag): kind.__struct_fields__ for tag, kind in _KINDS.items()}
    if any(place in error for place in SCHEMA_PLACES):
        return f"{error}; the schema is one of {', '.join(names)}"
    found = POSITION.search(error)
    place = int(found[1]) - 1 if found else -1
    known = names.get(schema, ()) if isinstance(schema, str) else ()
    return f"{error} ({known[place]})" if 0 <= place < len(known) else error


# Each form decoded

_KINDS = {kind.__struct_config__.tag: kind for kind in MESSAGE_TYPES}
_NAMED_UNION: Any = reduce(or_, map(named, MESSAGE_TYPES))
_array_decoder = msgspec.msgpack.Decoder(AudioTopicMessage)
_map_decoder = msgspec.msgpack.Decoder(_NAMED_UNION)
_json_decoder = msgspec.json.Decoder(_NAMED_UNION)


class _ArrayHead(msgspec.Struct, array_like=True):
    schema: msgspec.Raw = msgspec.Raw()
    event_id: msgspec.Raw = msgspec.Raw()
    call_id: msgspec.Raw = msgspec.Raw()


class _NamedHead(msgspec.Struct):
    schema: msgspec.Raw = msgspec.Raw()
    call_id: msgspec.Raw = msgspec.Raw()


def _decode_map(data: bytes) -> AudioMessage:
    return _with_positions(_map_decoder.decode(data))


def _decode_json(data: bytes) -> AudioMessage:
    return _with_positions(_json_decoder.decode(data))


def _with_positions(message: Any) -> AudioMessage:
    return _KINDS[message.__struct_config__.tag](**asdict(message))


def _array_head(data: bytes) -> tuple[Any, Any]:
    return _texts(msgspec.msgpack.decode(data, type=_ArrayHead), msgspec.msgpack.decode)


def _map_head(data: bytes) -> tuple[Any, Any]:
    return _texts(msgspec.msgpack.decode(data, type=_NamedHead), msgspec.msgpack.decode)


def _json_head(data: bytes) -> tuple[Any, Any]:
    return _texts(msgspec.json.decode(data, type=_NamedHead), msgspec.json.decode)


def _texts(head: _ArrayHead | _NamedHead, decode: Callable[..., Any]) -> tuple[Any, Any]:
    """Return schema and call id where they are texts, else None."""
    texts: list[str | None] = []
    for raw in (head.schema, head.call_id):
        try:
            texts.append(decode(raw, type=str))
        except UNREADABLE:
            texts.append(None)
    return texts[0], texts[1]


ARRAY = Form(
    "MessagePack array",
    bytes([*range(0x90, 0xA0), 0xDC, 0xDD]),
    "first byte 0x90 to 0x9f, 0xdc or 0xdd",
    _array_decoder.decode,
    _array_head,
)
MAP = Form(
    "MessagePack map",
    bytes([*range(0x80, 0x90), 0xDE, 0xDF]),
    "0x80 to 0x8f, 0xde or 0xdf",
    _decode_map,
    _map_head,
)
JSON = Form("JSON object", b"{", "'{', 0x7b", _decode_json, _json_head)
FORMS = (ARRAY, MAP, JSON)


@cache
def _form_by_byte() -> dict[bytes, Form]:
    return {bytes([byte]): form for form in FORMS for byte in form.first_bytes}
