"""Written phrasings: to which split each belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.classification.corpus.rows import Split

Phrasing = TypeVar("Phrasing")

CYCLE = 7  # positions of a list after which its splits repeat
_OF_A_CYCLE: dict[int, Split] = {3: "validation", 6: "test"}
LEAST = 3  # phrasings of a list, so that each split has one


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
