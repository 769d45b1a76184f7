"""The sections of messages: every field by position and name, type, unit and meaning."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import inspect as mi

from schemas.audio import AudioMessage
from schemas.base import Message
from schemas.catalogue import TOPICS, TopicSpec
from schemas.descriptions import field_descriptions, structs_of, summary_of
from stream_app.contract.tables import table
from stream_app.contract.topics import anchor

UNITS = {"_ms": "ms", "_ns": "ns", "_hz": "Hz", "_per_minute": "1/min"}
HEADER = """\
Every message has a `schema`, which names it and its version. The topics of the audio and of
results begin with these fields; in an array of the audio topic they stand at these positions.
"""
AUDIO_NOTE = "Positions are those of the array; 0 to 3 are the header above."
PART_NOTE = "Written as an array of these, in this order."


def message_sections() -> Iterator[str]:
    """Yield the sections."""
    parts = _parts()
    yield f"## Messages\n\n{HEADER}\n{_header_table()}"
    for spec in TOPICS:
        if spec.types:
            yield f"### `{spec.name}`\n"
            yield from (_message(kind, spec) for kind in spec.types)
    yield "### Parts of messages\n"
    yield from (_part(part) for part in parts)


def _parts() -> list[type[msgspec.Struct]]:
    """Return the types inside messages, each once."""
    kinds = [kind for spec in TOPICS for kind in spec.types]
    inside = (part for kind in kinds for part in structs_of(kind) if part not in kinds)
    return list(dict.fromkeys(inside))


def _header_table() -> str:
    text = _texts(Message)
    rows = [("0", "`schema`", "text", "", "Name and version of the message.")]
    for place, field in enumerate(msgspec.structs.fields(Message), 1):
        unit = _unit(field.name)
        rows.append((str(place), f"`{field.name}`", type_words(field.type), unit, text[field.name]))
    return table(("position", "field", "type", "unit", "meaning"), rows)


def _texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what is said of each field, as Markdown."""
    return {name: _markdown(text) for name, text in field_descriptions(kind).items()}


def _markdown(text: str) -> str:
    return text.replace("``", "`")


def _message(kind: type[msgspec.Struct], spec: TopicSpec) -> str:
    is_audio = issubclass(kind, AudioMessage)
    lines = [
        f"#### {kind.__name__}\n",
        f"`{kind.__struct_config__.tag}`. {_markdown(summary_of(kind))}\n",
    ]
    lines.append(f"Written by {spec.writer_of(kind)}." + (f" {AUDIO_NOTE}\n" if is_audio else "\n"))
    base = next((each for each in (AudioMessage, Message) if issubclass(kind, each)), None)
    skipped = len(base.__struct_fields__) if base else 0
    lines.append(_fields(kind, skipped, first=1 if is_audio else None))
    return "\n".join(lines)


def _part(kind: type[msgspec.Struct]) -> str:
    is_array = kind.__struct_config__.array_like
    note = f" {PART_NOTE}" if is_array else ""
    fields = _fields(kind, 0, first=0 if is_array else None)
    return f"#### {kind.__name__}\n\n{_markdown(summary_of(kind))}{note}\n\n{fields}"


def _fields(kind: type[msgspec.Struct], skipped: int, *, first: int | None) -> str:
    """Return the table of the fields of a type behind those that are skipped.

    Args:
        kind: Its fields are shown.
        skipped: How many of the first fields are not.
        first: Position of the first field of all in an array; None where it has none.
    """
    text = _texts(kind)
    rows: list[tuple[str, ...]] = []
    for place, field in enumerate(msgspec.structs.fields(kind)[skipped:], skipped):
        cells = (type_words(field.type), _unit(field.name), _default(field), text[field.name])
        position = () if first is None else (str(first + place),)
        rows.append((*position, f"`{field.name}`", *cells))
    if not rows:
        return "No further fields.\n"
    position = () if first is None else ("position",)
    return table((*position, "field", "type", "unit", "default", "meaning"), rows)


def type_words(field_type: Any) -> str:
    """Return what a value of a type is, in words, with the bounds of its length."""
    return _words(mi.type_info(field_type))


def _words(info: mi.Type) -> str:
    return WORDS[type(info)](info)


def _bound(info: Any, words: str) -> str:
    return words.format(info.max_length) if info.max_length else ""


WORDS: dict[type[mi.Type], Callable[[Any], str]] = {
    mi.IntType: lambda _: "integer",
    mi.FloatType: lambda _: "number",
    mi.BoolType: lambda _: "true or false",
    mi.CustomType: lambda _: "any JSON value",
    mi.StrType: lambda info: "text" + _bound(info, ", up to {:,} characters"),
    mi.BytesType: lambda info: "bytes" + _bound(info, ", up to {:,}"),
    mi.LiteralType: lambda info: ", ".join(f"`{value}`" for value in map(_json, info.values)),
    mi.VarTupleType: lambda info: f"list{_bound(info, ' of up to {}')}: {_words(info.item_type)}",
    mi.DictType: lambda info: (
        f"map{_bound(info, ' of up to {}')}: text to {_words(info.value_type)}"
    ),
    mi.UnionType: lambda info: " or ".join(map(_words, info.types)),
    mi.NoneType: lambda _: "null",
    mi.StructType: lambda info: f"[{info.cls.__name__}](#{anchor(info.cls)})",
}


def _json(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _unit(name: str) -> str:
    return next((unit for suffix, unit in UNITS.items() if name.endswith(suffix)), "")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct):
        return "each field's default"
    if value is msgspec.UNSET:
        return "left out"
    return f"`{msgspec.json.encode(value).decode()}`"
