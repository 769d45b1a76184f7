"""Calls that come as text: `Agent:` and `Customer:` lines, perhaps with the time of the call.

The form is that of the documents' prompts, so that their examples are read as they are::

    [TEMPORAL CONTEXT]
    timestamp: 2026-01-15T14:30:00

    [CONVERSATION]
    Agent: Thank you for calling.
    Customer: My internet is down.

The marks in brackets, and those of the chat form, may be missing.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.analytics.temporal import context_at
from models.analytics.turns import SpokenTurn, TemporalContext
from schemas.errors import CallstreamError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.analytics.temporal import CallCalendar
    from schemas.base import Party

SPEAKERS: dict[str, Party] = {
    "agent": "agent",
    "representative": "agent",
    "customer": "customer",
    "caller": "customer",
    "speaker": "unknown",
}
MAX_WAIT_S = 86_400
_TURN = re.compile(rf"\s*({'|'.join(SPEAKERS)})(?: \d+)?\s*:\s*(.*)", re.IGNORECASE)
_FIELD = re.compile(r"\s*(\w+)\s*:\s*(.*?)\s*")
_CONTEXT, _CONVERSATION = "[TEMPORAL CONTEXT]", "[CONVERSATION]"
_USER, _ANSWER = "<|user|>", "<|assistant|>"
_KNOWN = frozenset(TemporalContext.__struct_fields__)
_FLAGS = {"true": True, "false": False}
_SHOWN = 40  # characters of a line, in errors


class ConversationError(CallstreamError):
    """A text that is no conversation."""


class Conversation(NamedTuple):
    """A call in words.

    Attributes:
        turns: In the order of the call.
        context: When it took place, as far as the text says.
    """

    turns: tuple[SpokenTurn, ...]
    context: TemporalContext


def read_conversation(text: str) -> Conversation:
    """Return the call in a text.

    Raises:
        ConversationError: A line has no speaker, nothing is said, or the time is none.
    """
    turns: list[SpokenTurn] = []
    fields: dict[str, str] = {}
    is_context = False
    for number, line in enumerate(text.partition(_ANSWER)[0].splitlines(), 1):
        content = line.strip()
        if content in {"", _USER}:
            continue
        if content in {_CONTEXT, _CONVERSATION}:
            is_context = content == _CONTEXT
        elif is_context and (found := _FIELD.fullmatch(line)):
            fields[found[1].lower()] = found[2]
        else:
            _take(turns, content, number)
    if not any(turn.text for turn in turns):
        raise ConversationError("nothing is said: give lines such as 'Agent: Hello.'")
    return Conversation(tuple(turns), context_of(fields))


def context_of(fields: Mapping[str, str]) -> TemporalContext:
    """Return the time of a call from its fields as texts; other fields are ignored.

    Raises:
        ConversationError: One of them has no value of its kind.
    """
    values: dict[str, object] = {}
    for name, text in fields.items():
        if name in _KNOWN and text:
            values[name] = _FLAGS.get(text.lower(), text)
    try:
        context = msgspec.convert(values, TemporalContext, strict=False)
    except msgspec.ValidationError as error:
        raise ConversationError(f"the temporal context is not valid: {error}") from error
    wait = context.queue_wait_time_seconds
    if wait is not None and not 0 <= wait <= MAX_WAIT_S:
        raise ConversationError(f"queue_wait_time_seconds: {wait} is not 0 to {MAX_WAIT_S}")
    _moment_of(context)
    return context


def completed(context: TemporalContext, calendar: CallCalendar) -> TemporalContext:
    """Return a context with what follows from its time; what it says itself stays."""
    moment = _moment_of(context)
    if moment is None:
        return context
    whole = context_at(moment, calendar, context.queue_wait_time_seconds)
    given = {
        name: value
        for name, value in msgspec.structs.asdict(context).items()
        if value is not None and name not in {"timestamp", "day_of_week"}  # those are computed
    }
    return msgspec.structs.replace(whole, **given)


def as_text(turns: Iterable[SpokenTurn]) -> str:
    """Return a call as lines that `read_conversation` reads."""
    names: dict[Party, str] = {"agent": "Agent", "customer": "Customer", "unknown": "Speaker"}
    return "\n".join(f"{names[turn.party]}: {' '.join(turn.text.split())}" for turn in turns)


def _take(turns: list[SpokenTurn], line: str, number: int) -> None:
    """Take a line: a new turn, or more of the last one."""
    found = _TURN.fullmatch(line)
    if found is not None:
        turns.append(SpokenTurn(SPEAKERS[found[1].lower()], found[2].strip()))
    elif turns:
        last = turns[-1]
        turns[-1] = SpokenTurn(last.party, f"{last.text} {line}".strip())
    else:
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}.."
        raise ConversationError(
            f"line {number} has no speaker: begin it with 'Agent:' or 'Customer:': {shown!r}"
        )


def _moment_of(context: TemporalContext) -> datetime | None:
    if context.timestamp is None:
        return None
    try:
        return datetime.fromisoformat(context.timestamp).replace(tzinfo=None)
    except ValueError as error:
        raise ConversationError(
            f"timestamp: {context.timestamp[:_SHOWN]!r} is no time such as 2026-01-15T14:30:00"
        ) from error
