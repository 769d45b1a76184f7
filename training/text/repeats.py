"""Repeats of texts in rows of any kind: copies, and near copies across splits."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Protocol, TypeVar

from training.core.splits import SPLITS
from training.text.near_duplicates import most_similar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.core.splits import Split


class HasId(Protocol):
    """What a text belongs to."""

    @property
    def id(self) -> str:
        """Unique over all splits."""


RowT = TypeVar("RowT", bound=HasId)


def drop_copies(
    rows: Mapping[Split, Sequence[RowT]], texts: Mapping[str, str]
) -> dict[Split, list[RowT]]:
    """Return one row of each text: the first one of the latest split that has it."""
    seen: set[str] = set()
    kept: dict[Split, list[RowT]] = {}
    for split in reversed(SPLITS):
        kept[split] = []
        for row in rows[split]:
            if texts[row.id] not in seen:
                seen.add(texts[row.id])
                kept[split].append(row)
    return {split: kept[split] for split in SPLITS}


def drop_near_copies(
    rows: Mapping[Split, Sequence[RowT]], texts: Mapping[str, str], similarity: float
) -> dict[Split, list[RowT]]:
    """Return the rows without those that resemble a row of a later split.

    The later split stays as it is, so that what is measured on does not depend on what is
    trained on.
    """
    kept = {split: list(rows[split]) for split in SPLITS}
    for earlier, later in reversed(list(combinations(SPLITS, 2))):
        others = sorted({texts[row.id] for row in kept[later]})
        found = most_similar([texts[row.id] for row in kept[earlier]], others)
        kept[earlier] = [
            row for row, near in zip(kept[earlier], found, strict=True) if near < similarity
        ]
    return kept
