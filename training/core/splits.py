"""Splits: decided once, by group and source, in the same proportions for every label."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class Shares(NamedTuple):
    """Shares of the groups of a source that are not trained on."""

    test: float
    validation: float


class Unsplit(NamedTuple):
    """A group of rows before it has a split.

    Attributes:
        source: Whose shares hold.
        label: By which the splits are stratified; empty where the group has none.
        pinned: Split that the source gives it; None leaves it to the shares.
    """

    source: str
    label: str
    pinned: Split | None


def group_together(members: Iterable[tuple[str, Unsplit]]) -> dict[str, Unsplit]:
    """Return the groups by name; the first member of a group decides its source and label.

    Raises:
        RecipeError: Members of one group are to come into several splits.
    """
    groups: dict[str, Unsplit] = {}
    for name, member in members:
        group = groups.setdefault(name, member)
        if group.pinned != member.pinned:
            message = (
                f"the group {name!r} is in {group.source} ({group.pinned or 'by shares'}) and in "
                f"{member.source} ({member.pinned or 'by shares'}): give both sources the same "
                "split"
            )
            raise RecipeError(message)
    return groups


def assign_splits(
    groups: Mapping[str, Unsplit], shares: Mapping[str, Shares], seed: int
) -> dict[str, Split]:
    """Return the split of every group.

    Of each source and label the groups are ordered by a hash, and the first of them tested on.
    Labels with too few groups for a test row are divided together.
    """
    splits: dict[str, Split] = {}
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, group in groups.items():
        if group.pinned is None:
            strata[(group.source, group.label)].append(name)
        else:
            splits[name] = group.pinned
    for (source, _), names in sorted(_without_rare(strata, shares).items()):
        test, validation = shares[source]
        names.sort(key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
        tested = round(test * len(names))
        validated = tested + round(validation * len(names))
        splits |= dict.fromkeys(names[:tested], "test")
        splits |= dict.fromkeys(names[tested:validated], "validation")
        splits |= dict.fromkeys(names[validated:], "train")
    return splits


def _without_rare(
    strata: Mapping[tuple[str, str], list[str]], shares: Mapping[str, Shares]
) -> dict[tuple[str, str], list[str]]:
    merged: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (source, label), names in strata.items():
        smallest = min((share for share in shares[source] if share > 0), default=1.0)
        merged[(source, label if len(names) * smallest >= 1 else "")] += names
    return merged
