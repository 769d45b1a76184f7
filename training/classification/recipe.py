"""The recipe of a classification model: one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.continuous.recipe import ContinuousRecipe, wrong_continuation
from training.classification.data_recipe import DataRecipe, check_recipe
from training.classification.evaluation.recipe import EvaluationRecipe, wrong_evaluation
from training.classification.learning.recipe import NetworkRecipe, wrong_numbers
from training.core.errors import RecipeError
from training.core.recipes import convert_recipe, read_tables, wrong_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ClassificationRecipe(NetworkRecipe, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run, apart from the data.

    Attributes:
        data: Its rows.
        evaluation: What is measured.
        continuous: How sessions go on from the champion.
    """

    data: DataRecipe
    evaluation: EvaluationRecipe = EvaluationRecipe()
    continuous: ContinuousRecipe = ContinuousRecipe()


def read_recipe(path: Path, changes: Sequence[str] = ()) -> ClassificationRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        ConfigurationError: It cannot be read, or is not valid.
    """
    recipe = convert_recipe(read_tables(path, changes), ClassificationRecipe, path)
    label_set = check_recipe(recipe.data)
    wrong = [
        *wrong_name(recipe.name, "name"),
        *wrong_numbers(recipe),
        *wrong_evaluation(recipe.evaluation, label_set, recipe.learning.max_tokens),
        *wrong_continuation(recipe.continuous),
    ]
    for complaint in wrong:
        raise RecipeError(f"the recipe {path} is not valid: {complaint}")
    return recipe
