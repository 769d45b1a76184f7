"""Phrases in what was said, compared word by word in spoken form, with apostrophes or without."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from models.text.spoken_form import spoken_form

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = r"(?:\S+ ){0,3}"  # what ``*`` stands for
# "he cant" is "he can't"; but "were" and "well" are mostly not "we're" and "we'll"
_NEEDLESS = re.compile(r"(?<!\bwe)'|'(?!(?:re|ll)\b)")
_KEPT = 256  # of patterns that are compiled


class Span(NamedTuple):
    """A part of a text, by its characters."""

    start: int
    end: int


def has_phrase(spoken: str, phrases: Sequence[str]) -> bool:
    """Return whether a text has one of some phrases.

    Args:
        spoken: The text, in spoken form.
        phrases: In any form; ``*`` stands for up to three words.
    """
    text = compared_form(spoken)
    return bool(phrases) and _pattern(tuple(phrases)).search(text) is not None


def phrase_spans(compared: str, phrases: Sequence[str]) -> list[Span]:
    """Return where a text has phrases: one for each word that one begins with, in order.

    Args:
        compared: The text, in the form of `compared_form`.
        phrases: As in `has_phrase`.
    """
    if not phrases:
        return []
    return [Span(*match.span(1)) for match in _pattern(tuple(phrases)).finditer(compared)]


def compared_form(spoken: str) -> str:
    """Return a spoken form as phrases are compared with it: without apostrophes, mostly.

    Writers and some recognizers leave them out. They stay where the word without its apostrophe
    is a frequent one of its own.
    """
    return _NEEDLESS.sub("", spoken) if "'" in spoken else spoken


@lru_cache(maxsize=_KEPT)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?=({'|'.join(map(_one, phrases))})(?!\S))")


def _one(phrase: str) -> str:
    parts = filter(None, map(spoken_form, phrase.split("*")))
    return rf" {GAP}".join(re.escape(compared_form(part)) for part in parts)
