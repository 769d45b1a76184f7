"""Dead letters: what is kept of an input or output that could not be taken in or sent.

An input that fits goes as it came. What is too large for a message of the topic is abridged: size,
hash, first bytes and position stand for it as JSON, and the header ``abridged`` says so. Keys and
headers are bounded too, since they share the message's size.
"""

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from faust.types import Message

from schemas.base import MAX_CALL_ID, MAX_MESSAGE_BYTES
from schemas.catalogue import DEAD_LETTERS
from stream_app.dead_letters.letter import NOWHERE
from stream_app.transport.batches import UnreadableBatch

HEADERS_BYTES = 48 * 1024  # all headers of a dead letter together stay below
FRAMING_BYTES = 16 * 1024  # batch and record overhead, and what compression can add
LARGEST_BYTES = MAX_MESSAGE_BYTES - HEADERS_BYTES - FRAMING_BYTES  # of key and value together
MAX_KEY_BYTES = 4 * MAX_CALL_ID
MAX_REASON = 500  # characters
HEAD_BYTES = 1024
UNNAMED = "unknown"
HEADERS = ("topic", "partition", "offset", "reason", "agent", "call_id")  # and ``abridged``

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """A message to produce, as bytes."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None

    @property
    def size(self) -> int:
        """Return the bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class InputPosition:
    """Where an input stands; ``offset`` is `NOWHERE` for what no single input led to."""

    topic: str
    partition: int
    offset: int = NOWHERE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Whose input or output is refused, by which agent, and why."""

    agent: str
    call_id: str
    reason: str


def dead_letter(message: Message, refusal: Refusal) -> Record:
    """Return the dead letter of an input, with its bytes unless they are too many."""
    position = InputPosition(message.topic, message.partition, message.offset)
    key, value = message.key, message.value
    if isinstance(value, UnreadableBatch):
        return abridged_letter(value, position, refusal, details=value.details)
    if len(key or b"") + len(value or b"") > LARGEST_BYTES:
        return abridged_letter(value or b"", position, refusal, key=key)
    if key is None and value is None:
        value = b""  # other clients write such records, ours does not
    return Record(DEAD_LETTERS, _cut_key(key), value, headers=_headers(position, refusal))


def abridged_letter(
    value: bytes,
    position: InputPosition,
    refusal: Refusal,
    *,
    key: bytes | None = None,
    details: Mapping[str, object] = MappingProxyType({}),
) -> Record:
    """Return the dead letter of bytes that are too many for one.

    Args:
        value: All of them.
        position: Of the input that they are, or led to them.
        refusal: Whose, and why.
        key: Of the input or output.
        details: What else there is to say, as JSON values.
    """
    described = {
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
        "size": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
        "head": base64.b64encode(value[:HEAD_BYTES]).decode(),
        **details,
    }
    headers = [*_headers(position, refusal), ("abridged", b"1")]
    return Record(DEAD_LETTERS, _cut_key(key), orjson.dumps(described), headers=headers)


def abridged(letter: Record) -> Record:
    """Return a dead letter without its bytes, which the brokers call too many."""
    fields = {name: value.decode(errors="replace") for name, value in letter.headers or []}
    position = InputPosition(fields["topic"], int(fields["partition"]), int(fields["offset"]))
    refusal = Refusal(fields["agent"], fields["call_id"], fields["reason"])
    return abridged_letter(letter.value or b"", position, refusal, key=letter.key)


def legal_call_id(text: str) -> str:
    """Return a text as a call id: what no call id may hold is replaced or cut."""
    kept = "".join("\ufffd" if _is_illegal(c) else c for c in text[:MAX_CALL_ID])
    return kept or UNNAMED


def _is_illegal(character: str) -> bool:
    """Return whether no `schemas.base.CallId` may hold a character: it is a control, or no text."""
    return unicodedata.category(character) in {"Cc", "Cs"}


def _headers(position: InputPosition, refusal: Refusal) -> Headers:
    values = (
        position.topic,
        str(position.partition),
        str(position.offset),
        refusal.reason[:MAX_REASON],
        refusal.agent,
        refusal.call_id[:MAX_CALL_ID],
    )
    fields = dict(zip(HEADERS, values, strict=True))
    return [(name, text.encode(errors="replace")) for name, text in fields.items()]


def _cut_key(key: bytes | None) -> bytes | None:
    return key if key is None else key[:MAX_KEY_BYTES]
