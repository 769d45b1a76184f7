"""The recipe of an experiment of the turn detection: one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.core.devices import DeviceName
from training.core.errors import RecipeError
from training.core.recipes import convert_recipe, read_tables
from training.turns.corpus.data_recipe import DataRecipe
from training.turns.corpus.examples import SET_NAMES
from training.turns.learning.exported import exported_manifest
from training.turns.learning.recipe import BaseRecipe, HeadLearning, ModelRecipe, Optimisation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LearningCurve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Models of fewer training examples.

    Attributes:
        set: To learn from and to test on.
        sizes: Training examples; each size is a part of the next.
        epochs: In place of the recipe's.
    """

    set: str = "domain"
    sizes: tuple[int, ...] = ()
    epochs: int = 0


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The evaluation of the models.

    Attributes:
        sets: Test sets; every model is tested on each.
        threshold: Probability from which an utterance counts as complete.
        batch: Texts of one batch.
    """

    sets: tuple[str, ...] = ("general", "domain", "agent", "customer")
    threshold: float = 0.5
    batch: int = 64


class TurnRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the results of an experiment, apart from the data.

    Attributes:
        name: Of the experiment.
        seed: Of the data, the heads, the order of the examples and dropout.
        models: In the order of their training.
        head: How heads on a frozen encoder learn.
        threads: Of torch; figures repeat on the same machine with the same number.
        languages: Of the models' texts.
        device: ``auto`` is CUDA where there is one, else the CPU.
    """

    name: str
    seed: int
    data: DataRecipe
    models: tuple[ModelRecipe, ...]
    base: BaseRecipe = BaseRecipe()
    optimisation: Optimisation = Optimisation()
    head: HeadLearning = HeadLearning()
    learning_curve: LearningCurve = LearningCurve()
    evaluation: EvaluationRecipe = EvaluationRecipe()
    threads: int = 1
    languages: tuple[str, ...] = ("en",)
    device: DeviceName = "auto"


def read_recipe(path: Path, changes: Sequence[str] = ()) -> TurnRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: The file, a change or a combination of settings is not valid.
    """
    recipe = convert_recipe(read_tables(path, changes), TurnRecipe, path)
    for complaint in (*_wrong_numbers(recipe), *_wrong_models(recipe)):
        message = f"the recipe {path} is not valid: {complaint}"
        raise RecipeError(message)
    return recipe


def _wrong_numbers(recipe: TurnRecipe) -> list[str]:
    wrong = []
    for table, learning in (("optimisation", recipe.optimisation), ("head", recipe.head)):
        counts = ("epochs", "batch", "checkpoint_steps")
        wrong += [
            f"{table}.{name} must be 1 or more" for name in counts if getattr(learning, name) < 1
        ]
        if not 0 <= learning.warmup < 1:
            wrong.append(f"{table}.warmup is a share of the steps, from 0 to below 1")
        if not 0 < learning.blend <= 1:
            wrong.append(f"{table}.blend must be above 0 and at most 1")
        if learning.learning_rate <= 0:
            wrong.append(f"{table}.learning_rate must be above 0")
    if recipe.optimisation.max_length < 3:  # noqa: PLR2004, two special tokens and a word
        wrong.append("optimisation.max_length must be 3 or more")
    if 0 < recipe.base.positions < recipe.optimisation.max_length:
        wrong.append("base.positions must not be below optimisation.max_length")
    if not 0 < recipe.evaluation.threshold < 1:
        wrong.append("evaluation.threshold must lie between 0 and 1")
    if recipe.evaluation.batch < 1 or recipe.threads < 1:
        wrong.append("evaluation.batch and threads must be 1 or more")
    if any(size < 1 for size in recipe.learning_curve.sizes):
        wrong.append("learning_curve.sizes must be 1 or more")
    return wrong


def _wrong_models(recipe: TurnRecipe) -> list[str]:
    wrong, known = [], set[str]()
    if not recipe.models:
        wrong.append("it needs a [[models]]")
    for model in recipe.models:
        if model.name in known or not model.name.replace("_", "").isalnum():
            wrong.append(f"the model name {model.name!r} must be a plain word and unique")
        if model.training_set not in SET_NAMES:
            wrong.append(
                f"{model.name}: there is no set {model.training_set!r}: {', '.join(SET_NAMES)}"
            )
        if model.start_from and model.start_from not in known:
            wrong.append(f"{model.name}: start_from names no model above: {model.start_from!r}")
        has_start = model.start_from or exported_manifest(recipe.base.model) is not None
        if model.train == "head" and not has_start:
            wrong.append(
                f"{model.name}: train = 'head' needs start_from, or base.model = 'bundled'"
            )
        known.add(model.name)
    named = {*recipe.evaluation.sets, recipe.learning_curve.set}
    wrong += [
        f"there is no set {name!r}: {', '.join(SET_NAMES)}" for name in sorted(named - {*SET_NAMES})
    ]
    return wrong
