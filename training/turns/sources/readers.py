"""Readers of the data sets under the data folder."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from models.text.number_words import DIGITS
from training.core.json_lines import as_missing_data, read_gzip_lines
from training.text.dialogue_sets import multidogo_conversations, sgd_dialogues
from training.turns.sources.conversations import Conversation, Turn
from training.turns.sources.tables import read_table, table_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from training.turns.sources.conversations import Role
    from training.turns.sources.recipe import Source, SourceKind

_ROLES: dict[str, Role] = {
    "USER": "customer",
    "user": "customer",
    "SYSTEM": "agent",
    "assistant": "agent",
}
_DIGIT_NAMES = {word: digit for word, digit in DIGITS.items() if word != "o"}
_WHOLE_ANSWERS = {
    "postcode": re.compile(r"^(?:[a-z] ?){1,2}\d ?[a-z\d]? ?\d ?[a-z] ?[a-z]$"),
    "dob": re.compile(r"\d{4}$|(?:nineteen|twenty) (?:[a-z]+|\d+)(?: [a-z]+| \d+)?$"),
    "name": re.compile(r"[a-z]{2,} (?:[a-z]+ )*[a-z]{2,}$"),
}


class AlignedWord(msgspec.Struct, frozen=True, array_like=True):
    """A word of a recording; one that could not be aligned has no times."""

    text: str
    speaker: str
    start_s: float | None
    end_s: float | None


class AlignedCall(msgspec.Struct, frozen=True):
    """The words of a recorded call, in the order they are said."""

    id: str
    words: tuple[AlignedWord, ...]


def read_conversations(name: str, source: Source, data: Path) -> Iterator[Conversation]:
    """Yield the conversations of a source, always in the same order.

    Raises:
        MissingDataError: The files are missing or of another form.
    """
    if source.kind == "table":
        yield from read_table(name, source, data)
        return
    with as_missing_data(name, data / source.path):
        yield from _READERS[source.kind](data / source.path)


def aligned_calls(name: str, source: Source, data: Path) -> list[AlignedCall]:
    """Return the calls of ``earnings22_aligned`` with the times of their words.

    Raises:
        MissingDataError: The file is missing or of another form.
    """
    with as_missing_data(name, data / source.path):
        return _aligned_calls(data / source.path)


def source_files(source: Source, data: Path) -> list[Path]:
    """Return the local files of a source."""
    if source.kind == "table":
        return table_files(source, data)
    return sorted((data / source.path).glob("*.jsonl.gz"))


def _aligned_calls(folder: Path) -> list[AlignedCall]:
    return read_gzip_lines(folder / "calls.jsonl.gz", AlignedCall)


def aligned_name(call: AlignedCall) -> str:
    """Return the name that decides the split of a call."""
    return f"earnings22_aligned/{call.id}"


def _rows(path: Path) -> list[dict[str, Any]]:
    return read_gzip_lines(path, dict[str, Any])


def _sgd(folder: Path) -> Iterator[Conversation]:
    for part in ("train", "dev"):
        for dialogue in sgd_dialogues(folder, part):
            turns = tuple(
                Turn(tuple(turn.utterance.split()), _ROLES[turn.speaker]) for turn in dialogue.turns
            )
            yield Conversation(f"sgd/{part}/{dialogue.dialogue_id}", turns, is_punctuated=True)


def _taskmaster(folder: Path) -> Iterator[Conversation]:
    for row in _rows(folder / "dialogues.jsonl.gz"):
        turns = tuple(
            Turn(tuple(turn["text"].split()), _ROLES[turn["speaker"]]) for turn in row["turns"]
        )
        yield Conversation(f"taskmaster4/{row['id']}", turns)


def _helpline(folder: Path) -> Iterator[Conversation]:
    """Yield whole calls as one turn: the data do not say where the speaker changes."""
    for index, row in enumerate(_rows(folder / "calls.jsonl.gz")):
        turn = Turn(tuple(row["text"].split()), mixes_speakers=True)
        yield Conversation(f"helpline_calls/{index:04}", (turn,), is_punctuated=True)


def _multidogo(folder: Path) -> Iterator[Conversation]:
    for name, spoken in multidogo_conversations(folder).items():
        turns = tuple(Turn(tuple((turn.utterance or "").split()), "customer") for turn in spoken)
        yield Conversation(f"multidogo/{name}", turns)


def _evi(folder: Path) -> Iterator[Conversation]:
    """Yield answers as a recognizer wrote them, without partly recognized ones."""
    turns: dict[str, list[Turn]] = {}
    for row in _rows(folder / "turns.jsonl.gz"):
        heard = row["transcription"]
        if _WHOLE_ANSWERS[row["item"]].search(spoken_digits(heard)):
            turns.setdefault(row["dialogue_id"], []).append(Turn(tuple(heard.split()), "customer"))
    for name, spoken in turns.items():
        yield Conversation(f"evi/{name}", tuple(spoken))


def spoken_digits(text: str) -> str:
    """Return the text in lower case with the names of digits as digits."""
    return " ".join(_DIGIT_NAMES.get(word, word) for word in text.lower().split())


def _earnings21(folder: Path) -> Iterator[Conversation]:
    for row in _rows(folder / "calls.jsonl.gz"):
        turns = tuple(Turn(tuple(turn["text"].split())) for turn in row["turns"])
        yield Conversation(f"earnings21/{row['id']}", turns, is_punctuated=True)


def _earnings22(folder: Path) -> Iterator[Conversation]:
    for call in _aligned_calls(folder):
        turns = tuple(_timed_turn(words) for words in speaker_turns(call))
        yield Conversation(aligned_name(call), turns, is_punctuated=True)


def speaker_turns(call: AlignedCall) -> Iterator[list[AlignedWord]]:
    """Yield the consecutive words of one speaker."""
    turn: list[AlignedWord] = []
    for word in call.words:
        if turn and turn[-1].speaker != word.speaker:
            yield turn
            turn = []
        turn.append(word)
    if turn:
        yield turn


def _timed_turn(words: list[AlignedWord]) -> Turn:
    pauses = [_pause_ms(word, after) for word, after in pairwise(words)]
    return Turn(tuple(word.text for word in words), pauses_ms=(*pauses, 0))


def _pause_ms(word: AlignedWord, after: AlignedWord) -> int:
    if word.end_s is None or after.start_s is None:
        return 0
    return max(0, round(1000 * (after.start_s - word.end_s)))


_READERS: dict[SourceKind, Callable[[Path], Iterator[Conversation]]] = {
    "sgd": _sgd,
    "taskmaster4": _taskmaster,
    "helpline_calls": _helpline,
    "multidogo": _multidogo,
    "evi": _evi,
    "earnings21": _earnings21,
    "earnings22_aligned": _earnings22,
}
