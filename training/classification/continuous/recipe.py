"""The table ``[continuous]`` of a recipe: how a session goes on from the champion."""

from __future__ import annotations

import msgspec


class ContinuousRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a session goes on from the champion.

    Attributes:
        epochs: At most, of a session that starts from a champion.
        rate: By which the learning rate of the recipe is multiplied in such a session.
        replay_share: Of the rows that were learnt before, how many an epoch reads.
        new_share: How often an epoch reads each new row.
        corrections_share: How often an epoch reads each corrected call.
        selection_share: Of the groups, how many choose the best epoch instead of being learnt;
            corrected calls do both.
        largest_loss: By how much a target of ``[evaluation]`` may fall where the mean rises.
        least_agreement: Of the labels of the int8 graph with those of its network.
    """

    epochs: int = 4
    rate: float = 0.5
    replay_share: float = 1.0
    new_share: float = 2.0
    corrections_share: float = 4.0
    selection_share: float = 0.1
    largest_loss: float = 0.01
    least_agreement: float = 0.95


def wrong_continuation(recipe: ContinuousRecipe) -> list[str]:
    """Return what is wrong with the table, by setting."""
    wrong = [] if recipe.epochs >= 1 else ["continuous.epochs must be 1 or more"]
    above_zero = ("rate", "new_share", "corrections_share")
    wrong += [
        f"continuous.{name} must be above 0" for name in above_zero if getattr(recipe, name) <= 0
    ]
    if recipe.replay_share < 0:
        wrong.append("continuous.replay_share must not be below 0")
    if not 0 < recipe.selection_share < 1:
        wrong.append("continuous.selection_share lies between 0 and 1")
    for name in ("largest_loss", "least_agreement"):
        if not 0 <= getattr(recipe, name) <= 1:
            wrong.append(f"continuous.{name} is a share, from 0 to 1")
    return wrong
