"""The sentences of a turn, and whether each is whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.turns.sources.conversations import Turn

_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st inc ltd co corp no vs etc jr sr dept approx ext gen sen rep mt ft "
    "jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_NOISES = re.compile(r"<(?:laugh|affirmative|cough|breath|music|applause)>[.,?!]?", re.IGNORECASE)
_MISSING = re.compile(r"<[^<>]*>|\[[^\[\]]*\]?|\*{2,}|^inaudible\b", re.IGNORECASE)
_ENDED = re.compile(r"[.?!][\"\u201d\u2019')\]]*$")
_TRAILING_OFF = re.compile(r"(?:\.\.+|…|[-\u2013\u2014,:;])[\"\u201d\u2019')\]]*$")
_DOTTED = re.compile(r"^\W*(?:[A-Za-z]\.)+$")


class Sentence(msgspec.Struct, frozen=True):
    """Consecutive words of one turn.

    Attributes:
        words: Each holds a letter or a digit, so that a cut between two is a word border.
        pauses_ms: The pause after each word; 0 where it is not known.
        is_whole: No word is missing, and the speaker was not interrupted.
    """

    words: tuple[str, ...]
    pauses_ms: tuple[int, ...]
    is_whole: bool


def split_turn(turn: Turn, *, is_punctuated: bool) -> list[Sentence]:
    """Return the sentences of a turn; if ``is_punctuated``, one without final mark is cut."""
    pauses = turn.pauses_ms or (0,) * len(turn.words)
    words, pauses = _with_letters(turn.words, pauses)
    sentences = []
    start = 0
    for stop in _ends(words):
        part = words[start:stop]
        sentences.append(Sentence(part, pauses[start:stop], _is_whole(part, is_punctuated)))
        start = stop
    return sentences


def _ends(words: tuple[str, ...]) -> Iterator[int]:
    for index, word in enumerate(words[:-1]):
        if _ends_sentence(word, words[index + 1]):
            yield index + 1
    if words:
        yield len(words)


def _ends_sentence(word: str, following: str) -> bool:
    if not _ENDED.search(word) or (following[:1].islower() and _TRAILING_OFF.search(word)):
        return False
    bare = word.strip("\"'()[]").rstrip(".").lower()
    is_abbreviation = word.rstrip("\"')]").endswith(".") and (
        bare in _ABBREVIATIONS or bool(_DOTTED.match(word))
    )
    return not is_abbreviation


def _with_letters(
    words: tuple[str, ...], pauses: tuple[int, ...]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the words with lone marks joined to the word before them, noises left out."""
    kept: list[str] = []
    kept_pauses: list[int] = []
    for word, pause in zip(words, pauses, strict=True):
        plain = _NOISES.sub("", word)
        if any(symbol.isalnum() for symbol in plain):
            kept.append(plain)
            kept_pauses.append(pause)
        elif kept:
            kept[-1] += f" {plain}" if plain and not kept[-1].endswith(plain) else ""
            kept_pauses[-1] = max(kept_pauses[-1], pause)
    return tuple(kept), tuple(kept_pauses)


def _is_whole(words: tuple[str, ...], is_punctuated: bool) -> bool:  # noqa: FBT001
    if any(_MISSING.search(word) for word in words) or _TRAILING_OFF.search(words[-1]):
        return False
    return bool(_ENDED.search(words[-1])) or not is_punctuated
