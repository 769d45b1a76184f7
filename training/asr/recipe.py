"""The recipe of a speech training: from scratch, or fine-tuning where it has a table ``[base]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.asr.finetuning.recipe import FineTuneRecipe, fine_tune_recipe
from training.asr.scratch.recipe import Recipe, scratch_recipe
from training.core.recipes import read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def read_speech_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe | FineTuneRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: The file, a change or a combination of settings is not valid.
    """
    content = read_tables(path, changes)
    if "base" in content:
        return fine_tune_recipe(content, path)
    return scratch_recipe(content, path)
