"""A training of an adapter on MLX's CPU build: what it learns, writes, and resumes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.analytics.mlx.files import find_adapter
from schemas.errors import CallstreamError
from tests.support.analytics.planted_calls import planted_call
from training.analytics.adapters.conversion import read_adapter
from training.analytics.learning.recipe import read_analytics_recipe
from training.analytics.learning.run import (
    ADAPTER_FOLDER,
    LearningExamples,
    StoppedTrainingError,
    learn_adapter,
)
from training.core.checkpoints import BEST_NAME, CHECKPOINT_NAME, read_checkpoint

pytest.importorskip("mlx_lm", reason="the extra mlx is not installed")

from models.analytics.mlx.model import load_mlx_model
from models.extras.mlx import core as mx
from models.extras.mlx_lm import trees
from training.analytics.mlx.learner import MlxLearner
from training.analytics.mlx.run import learn_on_mlx

if TYPE_CHECKING:
    from training.analytics.learning.recipe import AnalyticsRecipe

Recipes = Callable[..., "AnalyticsRecipe"]
EXAMPLES = LearningExamples(
    [planted_call(number) for number in range(8)], [planted_call(number) for number in (8, 9)]
)
SHORT = (
    "mlx.iterations=4",
    "mlx.validation_steps=2",
    "mlx.checkpoint_steps=2",
    "mlx.learning_rate=1e-2",
    "mlx.structure_weight=0.1",
    "mlx.patience=0",
    "lora.dropout=0.1",
)


@pytest.fixture(autouse=True)
def _uncompiled() -> Iterator[None]:
    """Its CPU build compiles with g++, which takes seconds and may be missing."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def test_a_run_learns_keeps_the_best_and_numbers_the_others(
    recipe_of: Recipes, tiny_base: Path, tmp_path: Path
) -> None:
    report = learn_on_mlx(recipe_of(*SHORT), EXAMPLES, tmp_path)

    losses = {row.step: row.loss for row in report.validations}
    assert list(losses) == [0, 2, 4]
    assert losses[report.best_step] == min(losses.values()) < 0.9 * losses[0]
    numbered = sorted(path.name for path in (tmp_path / "numbered").iterdir())
    assert numbered == ["0000002_adapters.safetensors", "0000004_adapters.safetensors"]
    assert find_adapter(tmp_path / ADAPTER_FOLDER).name == "adapters.safetensors"
    model, _ = load_mlx_model(tiny_base, tmp_path / ADAPTER_FOLDER)
    kept = read_checkpoint(tmp_path / BEST_NAME)["parameters"]
    loaded = dict(trees.tree_flatten(model.parameters()))
    for name, tensor in kept.items():
        np.testing.assert_array_equal(np.array(loaded[name]), tensor.numpy())
    assert report.trainable_parameters == read_adapter(tmp_path / ADAPTER_FOLDER).parameters
    assert "mlx-lm" in report.versions


def test_before_it_learns_the_loss_is_that_of_torch(recipe_of: Recipes, tmp_path: Path) -> None:
    """The same rows, tokens of the answer and weights."""
    brief = ("mlx.iterations=1", "mlx.structure_weight=0.1")
    of_mlx = learn_on_mlx(recipe_of(*brief), EXAMPLES, tmp_path / "mlx")
    of_torch = learn_adapter(recipe_of("learning.steps=1"), EXAMPLES, tmp_path / "torch")

    one, other = of_mlx.validations[0], of_torch.validations[0]
    assert one.loss == pytest.approx(other.loss, rel=1e-4)
    assert one.choice_accuracy == pytest.approx(other.choice_accuracy, abs=0.05)


def test_a_stopped_and_resumed_run_ends_like_one_that_was_not(
    recipe_of: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(*SHORT, "mlx.checkpoint_steps=100")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    learn_on_mlx(recipe, EXAMPLES, whole)
    learn = MlxLearner.learn

    def interrupted(self: Any, batch: Any) -> Any:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return learn(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(MlxLearner, "learn", interrupted)
        with pytest.raises(StoppedTrainingError, match="stopped after step 3 of 4; --resume"):
            learn_on_mlx(recipe, EXAMPLES, broken)
    learn_on_mlx(recipe, EXAMPLES, broken, resume=True)

    one, other = (read_checkpoint(each / CHECKPOINT_NAME)["parameters"] for each in (whole, broken))
    for name, tensor in one.items():
        np.testing.assert_array_equal(other[name].numpy(), tensor.numpy())


def test_what_does_not_fit_the_base_is_named(recipe_of: Recipes, tmp_path: Path) -> None:
    for change, message in (
        ("lora.layers=4", "has 3 layers"),
        ('lora.targets=["up"]', "has no up"),
        ("base.qlora=true", "base.qlora is of CUDA"),
    ):
        with pytest.raises(CallstreamError, match=message):
            learn_on_mlx(recipe_of(*SHORT, change), EXAMPLES, tmp_path)


def test_the_preset_has_the_hyperparameters_of_the_documents() -> None:
    recipe = read_analytics_recipe(Path("training/analytics/recipes/mistral_7b_mlx.toml"))
    mlx, lora = recipe.mlx, recipe.lora

    assert mlx is not None
    assert (mlx.iterations, mlx.batch, mlx.learning_rate) == (1500, 4, 1e-5)
    assert (mlx.validation_steps, mlx.checkpoint_steps) == (100, 300)
    hidden, inner, kv = 4096, 14336, 1024  # of Mistral 7B
    sizes = 2 * (hidden + hidden) + 2 * (hidden + kv) + 3 * (hidden + inner)
    assert lora.rank * lora.layers * sizes == 10_485_760
    assert lora.alpha / lora.rank == 20
