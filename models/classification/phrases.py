"""Phrases in what was said, compared word by word in spoken form."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from models.text.spoken_form import spoken_form

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = r"(?:\S+ ){0,3}"  # what ``*`` stands for
_KEPT = 256  # of patterns that are compiled


def has_phrase(spoken: str, phrases: Sequence[str]) -> bool:
    """Return whether a text has one of some phrases.

    Args:
        spoken: The text, in spoken form.
        phrases: In any form; ``*`` stands for up to three words.
    """
    return bool(phrases) and _pattern(tuple(phrases)).search(spoken) is not None


@lru_cache(maxsize=_KEPT)
def _pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)(?:{'|'.join(map(_one, phrases))})(?!\S)")


def _one(phrase: str) -> str:
    parts = filter(None, map(spoken_form, phrase.split("*")))
    return rf" {GAP}".join(re.escape(part) for part in parts)
