"""The small subset: fewer calls to train and validate on, the same to test on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.core.sampling import spread_evenly
from training.core.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.analytics.corpus.examples import Example
    from training.core.splits import Split

TRAIN_PER_VALIDATION = 8  # as the documents' 1,500 and 188


def small_subset(examples: Mapping[Split, Sequence[Example]], train: int) -> dict[Split, list[int]]:
    """Return the places of the calls of the subset, by split.

    They are spread evenly over the calls in the order of their categories, so that each category
    keeps its share.

    Args:
        examples: Of the whole set.
        train: Training calls at most; an eighth as many to validate on.
    """
    most = {
        "train": train,
        "validation": -(-train // TRAIN_PER_VALIDATION),
        "test": len(examples["test"]),
    }
    return {split: _spread(examples[split], most[split]) for split in SPLITS}


def _spread(examples: Sequence[Example], most: int) -> list[int]:
    def category(place: int) -> str:
        found = examples[place].analysis.category
        return found.name if found else ""

    ordered = sorted(range(len(examples)), key=category)
    return sorted(ordered[place] for place in spread_evenly(len(ordered), most))
