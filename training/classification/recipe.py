"""The recipe of a classification model: one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.classification.data_recipe import DataRecipe, check_recipe
from training.core.recipes import convert_recipe, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ClassificationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides a run, apart from the data.

    Attributes:
        name: Of the run.
        data: Its rows.
        seed: Of everything that is drawn.
    """

    name: str
    data: DataRecipe
    seed: int = 7


def read_recipe(path: Path, changes: Sequence[str] = ()) -> ClassificationRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        ConfigurationError: It cannot be read, or is not valid.
    """
    recipe = convert_recipe(read_tables(path, changes), ClassificationRecipe, path)
    check_recipe(recipe.data)
    return recipe
