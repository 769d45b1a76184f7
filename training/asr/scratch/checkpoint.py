"""What a checkpoint of the training from scratch says of its run, beside the tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from training.asr.scratch.inventory import Inventory
from training.asr.scratch.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECIPE, _INVENTORY = "recipe", "lesson"  # as all checkpoints name them


def header(recipe: Recipe, inventory: Inventory) -> dict[str, bytes]:
    """Return what a checkpoint says of its run."""
    return {_RECIPE: msgspec.json.encode(recipe), _INVENTORY: msgspec.json.encode(inventory)}


def recipe_of(saved: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a checkpoint's run."""
    return msgspec.json.decode(saved[_RECIPE], type=Recipe)


def inventory_of(saved: Mapping[str, Any]) -> Inventory:
    """Return the tokens and phones that a checkpoint's network predicts."""
    return msgspec.json.decode(saved[_INVENTORY], type=Inventory)
