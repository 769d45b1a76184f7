"""Transcripts that people bring: lines of speakers, JSON turns, or finalized calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from models.analytics.finalized import spoken_turns
from models.analytics.temporal import temporal_context
from models.analytics.turns import SpokenTurn, TemporalContext
from models.private_calls import is_private
from schemas.turns import FinalizedCall
from training.analytics.sources.contexts import KEYS, given_context
from training.analytics.sources.protocol import UnusableError
from training.analytics.sources.text_files import read_object, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from models.analytics.temporal import CallCalendar
    from schemas.base import Party

SUFFIXES = (".json", ".txt")
_PARTIES: dict[str, Party] = {
    **dict.fromkeys(("agent", "representative", "rep", "advisor", "operator"), "agent"),
    **dict.fromkeys(("customer", "caller", "client"), "customer"),
    "speaker": "unknown",
    "unknown": "unknown",
}
_LINE = re.compile(r"\s*(?:\d+\s+)?(?P<speaker>[^\W\d_]+)\s*:(?P<text>.*)")
_LEFT_OUT = re.compile(r"\(\d+ turns left out\)")
_TURNS = ("turns", "conversation", "transcript", "messages")
_SPEAKERS = ("speaker", "party", "role")
_TEXTS = ("text", "content", "message")
_CONTEXTS = ("temporal_context", "metadata")
_BEGIN, _END = "<|user|>", "<|assistant|>"
_CONTEXT_TITLE, _TITLE = "[TEMPORAL CONTEXT]", "[CONVERSATION]"
_TAG = FinalizedCall.__struct_config__.tag


class Transcript(NamedTuple):
    """What was said in a call, and what its file says of the time."""

    turns: tuple[SpokenTurn, ...]
    given: TemporalContext


def read_transcript(path: Path, calendar: CallCalendar) -> Transcript:
    """Return the transcript of a file.

    Raises:
        UnusableError: Nothing can be made of it; the message says why.
    """
    text = read_text(path)
    if path.suffix.casefold() == ".txt":
        return from_lines(text)
    content = read_object(text)
    if content.get("schema") == _TAG:
        return _from_finalized(content, calendar)
    return _from_object(content)


def from_lines(text: str) -> Transcript:
    """Return the transcript of lines such as ``Agent: hello``, with or without a prompt's titles.

    A line without a speaker goes on with the turn before it.

    Raises:
        UnusableError: The first line has no speaker, or there is none.
    """
    before, title, said = text.partition(_TITLE)
    if not title:
        before, said = "", text
    body = said.partition(_END)[0].replace(_BEGIN, "").strip()
    turns: list[tuple[Party, list[str]]] = []
    for line in filter(str.strip, body.splitlines()):
        if _LEFT_OUT.fullmatch(line.strip()):
            continue
        match = _LINE.fullmatch(line)
        party = _PARTIES.get(match["speaker"].casefold()) if match else None
        if match and party:
            turns.append((party, [match["text"].strip()]))
        elif turns:
            turns[-1][1].append(line.strip())
        else:
            raise UnusableError("its first line does not begin with 'Agent:' or 'Customer:'")
    context = before.partition(_CONTEXT_TITLE)[2]
    pairs = (line.partition(":") for line in context.splitlines() if ":" in line)
    given = given_context({key.strip(): value.strip() for key, _, value in pairs})
    return _transcript(((party, " ".join(words)) for party, words in turns), given)


def _from_finalized(content: dict[str, Any], calendar: CallCalendar) -> Transcript:
    try:
        call = msgspec.convert(content, FinalizedCall)
    except msgspec.ValidationError as error:
        raise UnusableError(f"it is no finalized call: {error}") from error
    if is_private(call.context):
        raise UnusableError("the context of the call says analytics: false")
    if call.unserved_language:
        raise UnusableError(f"its language, {call.unserved_language}, was not served")
    turns = ((turn.party, turn.text) for turn in spoken_turns(call))
    return _transcript(turns, temporal_context(call.context, calendar))


def _from_object(content: dict[str, Any]) -> Transcript:
    name = next((each for each in _TURNS if content.get(each)), "")
    if not name:
        raise UnusableError(f"it has none of {', '.join(_TURNS)}")
    inner: dict[str, Any] = next(
        (content[each] for each in _CONTEXTS if isinstance(content.get(each), dict)), {}
    )
    known = {**inner, **{key: content[key] for key in KEYS if key in content}}
    said = content[name]
    if isinstance(said, str):
        return from_lines(said)._replace(given=given_context(known))
    if not isinstance(said, list):
        raise UnusableError(f"{name} is neither a list of turns nor a text")
    turns = [_turn(each, index) for index, each in enumerate(said, 1)]
    return _transcript(turns, given_context(known))


def _turn(each: Any, number: int) -> tuple[Party, str]:
    if not isinstance(each, dict):
        raise UnusableError(f"turn {number} is no object")
    speaker, text = _first(each, _SPEAKERS), _first(each, _TEXTS)
    if speaker is None or text is None:
        raise UnusableError(
            f"turn {number} needs one of {', '.join(_SPEAKERS)} and one of {', '.join(_TEXTS)}"
        )
    return _PARTIES.get(speaker.strip().casefold(), "unknown"), text


def _first(each: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((each[name] for name in names if isinstance(each.get(name), str)), None)


def _transcript(turns: Iterable[tuple[Party, str]], given: TemporalContext) -> Transcript:
    spoken = tuple(SpokenTurn(party, " ".join(text.split())) for party, text in turns)
    if not any(turn.text for turn in spoken):
        raise UnusableError("nothing is said in it")
    return Transcript(spoken, given)
