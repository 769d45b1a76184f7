"""A run that goes on from an adapter: it begins with what that adapter knew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from schemas.errors import ModelNotFoundError
from tests.support.analytics.planted_calls import planted_call
from training.analytics.adapters.conversion import read_adapter, write_adapter
from training.analytics.learning.run import LearningExamples, learn_adapter
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from training.analytics.adapters.conversion import AdapterForm
    from training.analytics.learning.recipe import AnalyticsRecipe

Recipes = Callable[..., "AnalyticsRecipe"]
EXAMPLES = LearningExamples([planted_call(n) for n in range(8)], [planted_call(8), planted_call(9)])
SHORT = ("learning.steps=4", "learning.validation_steps=4", "learning.learning_rate=1e-2")


@pytest.mark.parametrize("form", ["peft", "mlx", "gguf"])
def test_a_run_begins_where_the_adapter_ended_in_any_form_and_at_any_scale(
    recipe_of: Recipes, tiny_base: Path, tmp_path: Path, form: AdapterForm
) -> None:
    first = learn_adapter(recipe_of(*SHORT), EXAMPLES, tmp_path / "first")
    start = tmp_path / "start"
    adapter = read_adapter(tmp_path / "first" / "adapter", tiny_base)
    write_adapter(adapter, start, form, tiny_base)

    recipe = recipe_of(*SHORT, f"lora.start={start}", "lora.alpha=64")
    second = learn_adapter(recipe, EXAMPLES, tmp_path / "second")

    assert first.validations[0].loss > 1.2 * first.validations[-1].loss
    assert second.validations[0].loss == pytest.approx(first.validations[-1].loss, rel=1e-3)


@pytest.mark.parametrize("change", ["lora.rank=4", "lora.layers=1", 'lora.targets=["q_proj"]'])
def test_an_adapter_of_another_shape_is_refused_with_what_to_set(
    recipe_of: Recipes, tmp_path: Path, change: str
) -> None:
    learn_adapter(recipe_of("learning.steps=1"), EXAMPLES, tmp_path / "first")
    recipe = recipe_of(change, f"lora.start={tmp_path / 'first' / 'adapter'}")

    with pytest.raises(RecipeError, match=r"has rank 8, the layers 1 to 2 and .*: set lora\.rank"):
        learn_adapter(recipe, EXAMPLES, tmp_path / "second")


def test_an_adapter_that_is_not_there_is_told(recipe_of: Recipes, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no adapter at"):
        learn_adapter(recipe_of(f"lora.start={tmp_path}/none"), EXAMPLES, tmp_path / "run")


def test_a_checkpoint_that_began_with_another_adapter_is_not_gone_on_with(
    recipe_of: Recipes, tmp_path: Path
) -> None:
    """Also where the other one lies in the same place."""
    start = tmp_path / "first" / "adapter"
    learn_adapter(recipe_of("learning.steps=1"), EXAMPLES, tmp_path / "first")
    recipe = recipe_of("learning.steps=1", f"lora.start={start}")
    learn_adapter(recipe, EXAMPLES, tmp_path / "second")
    learn_adapter(recipe_of("learning.steps=2"), EXAMPLES, tmp_path / "first")

    with pytest.raises(RecipeError, match="another recipe or other examples"):
        learn_adapter(recipe, EXAMPLES, tmp_path / "second", resume=True)
