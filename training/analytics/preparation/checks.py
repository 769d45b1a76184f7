"""Checks that nothing of what is tested on is trained on."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from models.text.spoken_form import spoken_form
from training.analytics.composed.content import all_phrasings
from training.core.errors import LeakingSplitsError
from training.core.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from training.analytics.corpus.examples import Example
    from training.core.splits import Split

    Splits = Mapping[Split, Sequence[Example]]

LEAST_WORDS = 8  # of a turn that is counted where it stands in two splits


def refuse_leaks(examples: Splits) -> None:
    """Check that no group is in two splits, and no generated call in another than it was made for.

    Raises:
        LeakingSplitsError: One is; the message names calls, never their text.
    """
    homes: dict[str, dict[Split, str]] = defaultdict(dict)
    for split, of_split in examples.items():
        for each in of_split:
            homes[each.group].setdefault(split, each.id)
            meant = each.provenance.get("split", split)
            if meant != split:
                message = f"{each.id} was generated for {meant}, and came into {split}"
                raise LeakingSplitsError(message)
    for group, found in homes.items():
        if len(found) > 1:
            where = " and ".join(f"{split} ({name})" for split, name in found.items())
            raise LeakingSplitsError(f"the group {group!r} is in {where}")


def refuse_shared_phrasings(
    phrasings: Callable[[Split], Iterable[str]] = all_phrasings,
) -> int:
    """Return how many phrasings calls are generated from; no two splits may share one.

    Args:
        phrasings: Returns those of a split.

    Raises:
        LeakingSplitsError: A phrasing is in two splits.
    """
    spoken = {split: {spoken_form(each) for each in phrasings(split)} for split in SPLITS}
    for one, other in combinations(SPLITS, 2):
        shared = sorted(spoken[one] & spoken[other])
        if shared:
            message = f"the phrasing {shared[0]!r} is in {one} and in {other}"
            raise LeakingSplitsError(message)
    return sum(map(len, spoken.values()))


def shared_turns(examples: Splits) -> dict[str, int]:
    """Return how many turns of some length another split has word for word, by pair of splits."""
    spoken = {
        split: {
            text
            for each in of_split
            for turn in each.turns
            if len((text := spoken_form(turn.text)).split()) >= LEAST_WORDS
        }
        for split, of_split in examples.items()
    }
    return {
        f"{one} and {other}": len(spoken[one] & spoken[other])
        for one, other in combinations(SPLITS, 2)
    }
