"""A dead letter as it stands on its topic, and which of them are asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from schemas.catalogue import NAMES
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

NOWHERE = -1  # the offset of what no single input led to
ABRIDGED = "its bytes were too many to keep"
NO_INPUT = "it was an output, not an input"
NO_TOPIC = "its topic is none of ours"
_NAME = re.compile(r"(\d+)[-:](\d+)")


class LetterName(NamedTuple):
    """Where a dead letter stands on its topic, which is what people call it."""

    partition: int
    offset: int

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.partition}-{self.offset}"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter.

    Attributes:
        name: Of the letter.
        at_ms: When the brokers took it (Unix).
        topic: Of the input, in the catalogue.
        partition: Of the input.
        offset: Of the input; `NOWHERE` for what no single input led to.
        reason: Why it was refused.
        agent: That refused it.
        call_id: Of which call.
        is_abridged: The bytes describe what was refused.
    """

    name: LetterName
    at_ms: int
    topic: str
    partition: int
    offset: int
    reason: str
    agent: str
    call_id: str
    is_abridged: bool
    key: bytes | None
    value: bytes | None

    @property
    def size(self) -> int:
        """Bytes of the value."""
        return len(self.value or b"")

    @property
    def obstacle(self) -> str:
        """Why it cannot be sent again; empty where it can."""
        if self.is_abridged:
            return ABRIDGED
        if self.offset == NOWHERE:
            return NO_INPUT
        return "" if self.topic in NAMES else NO_TOPIC


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters are asked for; what is empty fits all.

    Attributes:
        agent: That refused them.
        reason: A part of the reason, in any case.
        call_id: Of which call.
        topic: Of the input.
        names: Of single letters.
        begin_ms: Letters from then on (Unix).
        end_ms: And before then.
    """

    agent: str = ""
    reason: str = ""
    call_id: str = ""
    topic: str = ""
    names: frozenset[LetterName] = frozenset()
    begin_ms: int = 0
    end_ms: int = 2**63

    def fits(self, letter: Letter) -> bool:
        """Return whether a letter is asked for."""
        return (
            self.agent in {"", letter.agent}
            and self.reason.casefold() in letter.reason.casefold()
            and self.call_id in {"", letter.call_id}
            and self.topic in {"", letter.topic}
            and (not self.names or letter.name in self.names)
            and self.begin_ms <= letter.at_ms < self.end_ms
        )


def parse_name(text: str) -> LetterName:
    """Return the name of a letter, such as ``2-17``.

    Raises:
        ConfigurationError: It is none.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"{text!r} names no dead letter: give partition and offset as "
            "`callstream deadletters list` shows them, such as 2-17"
        )
    return LetterName(int(found[1]), int(found[2]))


def letter_of(record: ConsumerRecord, topic_prefix: str) -> Letter:
    """Return the letter in a record of the topic.

    Args:
        record: As it stands there; one without headers is of another program.
        topic_prefix: That stands before our topics on the brokers.
    """
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return Letter(
        name=LetterName(record.partition, record.offset),
        at_ms=record.timestamp,
        topic=headers.get("topic", "").removeprefix(topic_prefix),
        partition=_number(headers.get("partition", "")),
        offset=_number(headers.get("offset", "")),
        reason=headers.get("reason", ""),
        agent=headers.get("agent", ""),
        call_id=headers.get("call_id", ""),
        is_abridged=headers.get("abridged") == "1",
        key=record.key,
        value=record.value,
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else NOWHERE
