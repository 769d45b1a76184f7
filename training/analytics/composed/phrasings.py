"""To which split a phrasing belongs: of four that stand together, two, one and one by a hash.

A phrasing keeps its split when others are appended to its list. That half is for training, a
quarter for validation and a quarter for the test holds in every list, since a list has a multiple
of four.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.core.splits import Split

BLOCK = 4
_RANKS: dict[Split, slice] = {
    "train": slice(0, 2),
    "validation": slice(2, 3),
    "test": slice(3, 4),
}


def of_split(phrasings: Sequence[str], split: Split) -> tuple[str, ...]:
    """Return the phrasings of a list that belong to a split.

    Raises:
        MissingDataError: The list does not have a multiple of four.
    """
    if len(phrasings) % BLOCK or not phrasings:
        last = phrasings[-1] if phrasings else "nothing"
        raise MissingDataError(
            f"the list of phrasings that ends with {last!r} has {len(phrasings)}: write a multiple "
            f"of {BLOCK}"
        )
    found: list[str] = []
    for start in range(0, len(phrasings), BLOCK):
        ranked = sorted(phrasings[start : start + BLOCK], key=stable_hash)
        found += ranked[_RANKS[split]]
    return tuple(found)


def split_of_name(name: str) -> Split:
    """Return the split of what stands by itself, such as a dialogue."""
    rank = int(stable_hash(name), 16) % BLOCK
    return next(split for split, ranks in _RANKS.items() if rank in range(BLOCK)[ranks])


def stable_hash(text: str) -> str:
    """Return a hash that is the same on every machine."""
    return hashlib.sha256(text.encode()).hexdigest()
