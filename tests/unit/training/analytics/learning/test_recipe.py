"""The recipes of adapters: those that ship, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.analytics.learning.recipe import read_analytics_recipe
from training.core.errors import RecipeError

RECIPES = Path("training/analytics/recipes")


@pytest.mark.parametrize("name", ["mistral_7b", "llama3_8b", "qwen2_5_7b"])
def test_the_large_presets_have_the_hyperparameters_of_the_documents(name: str) -> None:
    recipe = read_analytics_recipe(RECIPES / f"{name}.toml")
    learning, lora = recipe.learning, recipe.lora

    assert (lora.rank, lora.alpha, lora.dropout, lora.layers) == (16, 32, 0.05, 0)
    assert lora.targets == ("q_proj", "k_proj", "v_proj", "o_proj")
    assert (learning.epochs, learning.batch, learning.accumulation) == (3, 4, 4)
    assert (learning.learning_rate, learning.warmup, learning.weight_decay) == (2e-5, 0.03, 0.01)
    assert (recipe.forms.prompt, recipe.forms.max_tokens) == ("document", 2048)


def test_the_small_preset_learns_on_few_threads_with_cached_states() -> None:
    recipe = read_analytics_recipe(RECIPES / "smollm2.toml")

    assert recipe.threads <= 2  # both cores of a small machine
    assert recipe.lora.layers > 0
    assert recipe.learning.states == "disk"
    assert (recipe.forms.prompt, recipe.forms.answer) == ("chat", "codes")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("learning.batch=0", "learning.batch must be 1 or more"),
        ("learning.learning_rate=0", "learning.learning_rate must be above 0"),
        ("learning.warmup=1.5", "learning.warmup is a share"),
        ("learning.structure_weight=-1", "learning.structure_weight must not be below 0"),
        ("forms.answer_tokens=1024", "forms.max_tokens must be above forms.answer_tokens"),
        ("base.precision=int8", "precision"),
        ("learning.rate=1", "rate"),
    ],
)
def test_a_wrong_setting_is_named(change: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        read_analytics_recipe(RECIPES / "smollm2.toml", [change])


def test_quantised_weights_exclude_cached_states() -> None:
    with pytest.raises(RecipeError, match=r"learning\.states must be 'none' with base\.qlora"):
        read_analytics_recipe(RECIPES / "smollm2.toml", ["base.qlora=true"])
