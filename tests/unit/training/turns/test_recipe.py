from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

import training.turns
from training.core.errors import RecipeError
from training.turns.corpus.data_recipe import check_recipe
from training.turns.learning.recipe import MOBILEBERT
from training.turns.recipe import read_recipe

_RECIPES = Path(training.turns.__file__).parent / "recipes"
_BUNDLED = _RECIPES / "bundled.toml"


@pytest.mark.parametrize("path", sorted(_RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_recipes_are_valid(path: Path) -> None:
    """Every set that a model learns from or is tested on is prepared."""
    recipe = read_recipe(path)

    check_recipe(recipe.data)
    wanted = {model.training_set for model in recipe.models} | {*recipe.evaluation.sets}
    curve = {recipe.learning_curve.set} if recipe.learning_curve.sizes else set()
    assert wanted | curve <= recipe.data.sets.keys()


def test_the_documents_experiment_is_mobilebert() -> None:
    """Its base, its four models, its names."""
    recipe = read_recipe(_RECIPES / "experiment.toml")

    names = {model.name for model in recipe.models}
    assert recipe.base.model == MOBILEBERT
    assert names >= {"general", "domain", "agent", "customer"}
    assert all(model.train == "all" for model in recipe.models)
    assert recipe.optimisation.max_length == 128
    assert recipe.optimisation.dropout == 0.1


def test_a_change_reaches_the_setting() -> None:
    """As ``--set`` gives it."""
    recipe = read_recipe(_BUNDLED, ["optimisation.epochs=1", "data.sets.general.train=500"])

    assert recipe.optimisation.epochs == 1
    assert recipe.data.sets["general"].train == 500


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("optimisation.epoch=2", "epoch"),
        ("optimisation.batch=0", r"optimisation\.batch must be 1 or more"),
        ("head.learning_rate=0.0", r"head\.learning_rate must be above 0"),
        ("optimisation.warmup=1.0", "warmup is a share"),
        ("base.positions=64", r"base\.positions must not be below"),
        ("evaluation.sets=['none']", "there is no set 'none'"),
        ("evaluation.threshold=1.0", "threshold must lie between"),
        ("models=[]", r"needs a \[\[models\]\]"),
        ("models=[{name='a', set='general', start_from='b'}]", "start_from names no model above"),
        ("models=[{name='agent', train='head'}]", "needs start_from"),
        ("models=[{name='agent'}, {name='agent'}]", "must be a plain word and unique"),
        ("models=[{name='../x', set='agent'}]", "must be a plain word and unique"),
        ("models=[{name='none'}]", "there is no set 'none'"),
    ],
)
def test_a_wrong_setting_is_named(change: str, complaint: str) -> None:
    """Before anything is prepared or trained."""
    with pytest.raises(RecipeError, match=complaint):
        read_recipe(_BUNDLED, [change])


def test_the_command_says_what_is_wrong(run_train: Callable[..., Result], tmp_path: Path) -> None:
    """Exit 2 for the recipe, 1 for missing data, never a traceback."""
    arguments = ["turns", str(_BUNDLED), "--data", str(tmp_path / "none"), "--work", str(tmp_path)]

    usage = run_train(*arguments, "--set", "seed=x")
    missing = run_train(*arguments)

    assert usage.exit_code == 2
    assert "seed" in usage.output
    assert missing.exit_code == 1
    assert str(tmp_path / "none") in missing.output
    assert "Traceback" not in usage.output + missing.output
