"""What the docstrings of messages say of them and of each field."""

import inspect
import re
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect as mi

# Names that mean the same wherever no docstring says more
SHARED = {
    "at_ms": "Audio clock at which it happened.",
    "channel": "Audio channel, from 0 in the order of the parties.",
    "confidence": "How sure the recognizer is, 0 to 1.",
    "context": "What the telephony knows of the call beside its audio.",
    "digit": "`0` to `9`, `A` to `D`, `*`, `#`, or the name of an event.",
    "duration_ms": "Audio of the call.",
    "encoding": "G.711 mu-law or A-law, or 16-bit PCM, little-endian.",
    "end_ms": "Audio clock of its end.",
    "end_reason": "Reason of the CallEnded that closed the call.",
    "interruptions": "How many there were.",
    "is_final": "Always the same: tells finals from partials.",
    "language": "Of the call, as its context says.",
    "models": "Weights used, by task.",
    "parties": "Who speaks on each channel.",
    "party": "Who speaks on the channel.",
    "revision": "Audio decoded since the segment began (ms): never runs backwards.",
    "segment_id": "The same in the partials and the final of a segment.",
    "segment_ids": "Of the segments whose words it holds.",
    "stability": "Share of the words that two updates agreed upon, 0 to 1.",
    "start_ms": "Audio clock of its start.",
    "summary": "What transcribe knows of the whole call.",
    "text": "What was said.",
    "turn_id": "The same in all messages of a turn.",
    "turns": "How many there were.",
    "words": "Its words with their times.",
}
ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


@cache
def summary_of(struct: type[msgspec.Struct]) -> str:
    """Return what a type is, without its fields, as one paragraph."""
    text, _, _ = inspect.cleandoc(struct.__doc__ or "").partition("\nAttributes:\n")
    return " ".join(text.split())


@cache
def field_descriptions(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what is said of each field, also in the types that it inherits from."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        found |= _attributes(base.__doc__ or "")
    known = SHARED | found
    return {name: known[name] for name in struct.__struct_fields__ if name in known}


@cache
def structs_of(message_type: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], ...]:
    """Return a type and those of the structs inside it, in the order in which they are met."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting: list[Any] = [mi.type_info(message_type)]
    while waiting:
        info = waiting.pop(0)
        if isinstance(info, mi.StructType) and info.cls not in found:
            found[info.cls] = None
            waiting += [field.type for field in info.fields]
        elif isinstance(info, mi.VarTupleType):
            waiting.append(info.item_type)
        elif isinstance(info, mi.UnionType):
            waiting += info.types
    return tuple(found)


def _attributes(docstring: str) -> dict[str, str]:
    _, _, text = inspect.cleandoc(docstring).partition("\nAttributes:\n")
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        begin = ATTRIBUTE.match(line)
        if begin is not None:
            lines = found[begin[1]] = [begin[2]]
        elif line.startswith("        "):
            lines.append(line.strip())
        else:
            break  # what follows is no field
    return {name: " ".join(parts) for name, parts in found.items()}
