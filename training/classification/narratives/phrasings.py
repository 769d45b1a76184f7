"""Written phrasings: to which split each belongs, and how its gaps are filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from training.classification.corpus.rows import Split

Phrasing = TypeVar("Phrasing")

CYCLE = 7  # positions of a list after which its splits repeat
_OF_A_CYCLE: dict[int, Split] = {3: "validation", 6: "test"}
LEAST = 3  # phrasings of a list, so that each split has one

_CHOICE = re.compile(r"\{([^{}]*)\}")
_SLOT = re.compile(r"<(\w+)>")
_SENTENCE_START = re.compile(r"(^|[.?!]\s+)([a-z])")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?:eight|eleven|18|11|8)\b)")


def split_of(index: int, count: int) -> Split:
    """Return the split of the phrasing at a position of a list.

    It stays the same when phrasings are appended to a list of seven or more.
    """
    if count < CYCLE:
        return "test" if index == count - 1 else "validation" if index == count - 2 else "train"
    return _OF_A_CYCLE.get(index % CYCLE, "train")


def of_split(phrasings: Sequence[Phrasing], split: Split) -> list[Phrasing]:
    """Return the phrasings of a list that belong to a split."""
    count = len(phrasings)
    return [each for index, each in enumerate(phrasings) if split_of(index, count) == split]


def filled(phrasing: str, slots: Mapping[str, str], draw: random.Random) -> str:
    """Return a phrasing with its choices made and its slots filled.

    Args:
        phrasing: ``{a|b}`` is one of several wordings, ``<name>`` a slot.
        slots: Text by name of the slot.
        draw: Makes the choices.
    """
    chosen = _CHOICE.sub(lambda match: draw.choice(match[1].split("|")), phrasing)
    text = _SLOT.sub(lambda match: slots[match[1]], chosen)
    return _ARTICLE.sub(r"\1n ", text)


def with_capitals(text: str) -> str:
    """Return a text whose sentences begin with a capital letter."""
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def slots_of(phrasing: str) -> set[str]:
    """Return the names of the slots of a phrasing."""
    return set(_SLOT.findall(phrasing))
