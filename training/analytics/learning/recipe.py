"""The recipe of an adapter: base, forms, LoRA, learning, prices; one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from training.core.devices import DeviceName
from training.core.errors import RecipeError
from training.core.recipes import convert_recipe, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Precision = Literal["fp32", "bf16"]
StatesPlace = Literal["none", "memory", "disk"]


class BaseRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that the adapter is for.

    Attributes:
        model: Name in the catalogue of ``callstream models fetch``, a folder, a GGUF file, or a
            name on the model hub.
        precision: Of the base's weights and of what is computed with them; the adapter stays fp32.
        qlora: Keep the base's weights in 4 bits (NF4); needs CUDA and bitsandbytes.
    """

    model: str
    precision: Precision = "fp32"
    qlora: bool = False


class FormRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model reads and writes.

    Attributes:
        prompt: ``chat`` for the base's chat template, ``document`` for the documents' own.
        answer: ``codes`` for small models, ``document`` with names and keys in full.
        max_tokens: Of prompt and answer together.
        answer_tokens: Kept free for the answer: the prompt loses turns, the answer nothing.
    """

    prompt: Literal["chat", "document"] = "document"
    answer: Literal["codes", "document"] = "document"
    max_tokens: int = 2048
    answer_tokens: int = 500


class LoraRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The adapter; the defaults are the documents'.

    Attributes:
        rank: Inner size of every product.
        alpha: The product counts ``alpha / rank`` times.
        dropout: Before the product.
        targets: Names of the linear layers that are adapted.
        layers: How many, from the top; 0 adapts all.
        start: An adapter that the run goes on from, in any form: of another run, or a version that
            serves, to teach it calls of one's own. Empty begins anew.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    layers: int = 0
    start: str = ""


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the adapter learns; the defaults are the documents'.

    Attributes:
        epochs: Times that every row is read.
        steps: Ends the run instead of ``epochs``; 0 does not.
        batch: Rows that are computed together, of about one length.
        accumulation: Batches of a step.
        learning_rate: At its highest.
        warmup: Share of the steps until there; then it falls linearly to 0.
        weight_decay: Of AdamW.
        clip_norm: Largest norm of the gradient.
        structure_weight: How much a token of the answer counts that the grammar leaves no choice
            of, beside one that is a choice.
        turn_weight: How much it counts, beside the answer, what each turn shows, as a layer that
            only the training has reads it in the middle of the adapted layers; 0 leaves it out.
            Needs prompts of the chat form, whose turns have numbers.
        validation_steps: Between two validations; the end of the run is always validated.
        validation_rows: At most, spread evenly over the validation rows; 0 takes all.
        patience: Validations in a row without a lower loss that end the run; 0 never does.
        checkpoint_steps: Between two checkpoints; each validation writes one too.
        report_steps: Steps of a line of the metrics.
        states: Where the states below the lowest adapted layer are kept, once computed: they never
            change. ``none`` computes them in every epoch.
    """

    epochs: int = 3
    steps: int = 0
    batch: int = 4
    accumulation: int = 4
    learning_rate: float = 2e-5
    warmup: float = 0.03
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    structure_weight: float = 1.0
    turn_weight: float = 0.0
    validation_steps: int = 100
    validation_rows: int = 0
    patience: int = 3
    checkpoint_steps: int = 100
    report_steps: int = 10
    states: StatesPlace = "none"


class MlxLearning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the adapter learns on mlx-lm, instead of `Learning`; the defaults are the documents'.

    Attributes:
        iterations: Steps of the run.
        batch: As of `Learning`.
        accumulation: As of `Learning`.
        learning_rate: After the warm-up, to the end.
        warmup: Share of the iterations until there.
        weight_decay: Of AdamW.
        clip_norm: As of `Learning`.
        structure_weight: As of `Learning`.
        validation_steps: As of `Learning`.
        validation_rows: As of `Learning`.
        patience: As of `Learning`.
        checkpoint_steps: Between two numbered adapters, and two checkpoints of the run.
        report_steps: As of `Learning`.
    """

    iterations: int = 1500
    batch: int = 4
    accumulation: int = 1
    learning_rate: float = 1e-5
    warmup: float = 0.0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    structure_weight: float = 1.0
    validation_steps: int = 100
    validation_rows: int = 0
    patience: int = 1
    checkpoint_steps: int = 300
    report_steps: int = 10

    def learning(self) -> Learning:
        """Return the same for the code that both runtimes share."""
        settings = msgspec.structs.asdict(self)
        return Learning(steps=settings.pop("iterations"), **settings)


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a training costs somewhere.

    Attributes:
        platform: Its name.
        per_hour: In US dollars.
        hours: That the training takes there, where somebody has measured it; 0 takes this run's.
    """

    platform: str
    per_hour: float
    hours: float = 0.0


class AnalyticsRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides an adapter, apart from the rows.

    Attributes:
        name: Of the adapter.
        seed: Of the adapter's first weights, the order of the rows and dropout.
        guide: What calls are asked: a guide that ships, or a path.
        base: The model that the adapter is for.
        forms: What it reads and writes.
        lora: The adapter.
        learning: Rates, epochs, validation.
        mlx: The same for a run on mlx-lm; a recipe that has this table runs there.
        prices: Of the report's table of costs.
        threads: Of torch; figures repeat on the same machine with the same number.
        device: ``auto`` is CUDA where there is one, else the CPU.
        data: Of ``callstream train analytics-prepare``, which alone reads it.
    """

    name: str
    base: BaseRecipe
    seed: int = 7
    guide: str = "contact-centre"
    forms: FormRecipe = FormRecipe()
    lora: LoraRecipe = LoraRecipe()
    learning: Learning = Learning()
    mlx: MlxLearning | None = None
    prices: tuple[Price, ...] = ()
    threads: int = 1
    device: DeviceName = "auto"
    data: dict[str, Any] = {}


def read_analytics_recipe(path: Path, changes: Sequence[str] = ()) -> AnalyticsRecipe:
    """Return the recipe of a file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: It cannot be read, or is not valid.
    """
    recipe = convert_recipe(read_tables(path, changes), AnalyticsRecipe, path)
    if recipe.mlx is not None:
        recipe = msgspec.structs.replace(recipe, learning=recipe.mlx.learning())
    for complaint in _wrong_numbers(recipe):
        raise RecipeError(f"the recipe {path} is not valid: {complaint}")
    return recipe


def _wrong_numbers(recipe: AnalyticsRecipe) -> list[str]:
    """Return what is wrong with the numbers of a recipe, by setting."""
    learning, lora, forms = recipe.learning, recipe.lora, recipe.forms
    at_least_one = {
        "threads": recipe.threads,
        "forms.answer_tokens": forms.answer_tokens,
        "lora.rank": lora.rank,
        "lora.targets": len(lora.targets),
        "learning.epochs": learning.epochs,
        "learning.batch": learning.batch,
        "learning.accumulation": learning.accumulation,
        "learning.validation_steps": learning.validation_steps,
        "learning.checkpoint_steps": learning.checkpoint_steps,
        "learning.report_steps": learning.report_steps,
    }
    above_zero = {
        "lora.alpha": lora.alpha,
        "learning.learning_rate": learning.learning_rate,
        "learning.clip_norm": learning.clip_norm,
    }
    not_negative = {
        "lora.layers": lora.layers,
        "learning.steps": learning.steps,
        "learning.weight_decay": learning.weight_decay,
        "learning.structure_weight": learning.structure_weight,
        "learning.turn_weight": learning.turn_weight,
        "learning.validation_rows": learning.validation_rows,
        "learning.patience": learning.patience,
        **{f"prices.{each.platform}": min(each.per_hour, each.hours) for each in recipe.prices},
    }
    shares = {"lora.dropout": lora.dropout, "learning.warmup": learning.warmup}
    wrong = [f"{name} must be 1 or more" for name, value in at_least_one.items() if value < 1]
    wrong += [f"{name} must be above 0" for name, value in above_zero.items() if value <= 0]
    wrong += [f"{name} must not be below 0" for name, value in not_negative.items() if value < 0]
    wrong += [
        f"{name} is a share, from 0 to below 1"
        for name, value in shares.items()
        if not 0 <= value < 1
    ]
    if forms.max_tokens <= forms.answer_tokens:
        wrong.append("forms.max_tokens must be above forms.answer_tokens")
    if learning.turn_weight and forms.prompt != "chat":
        wrong.append(
            "learning.turn_weight needs forms.prompt = 'chat': only there turns are numbered"
        )
    if recipe.base.qlora and learning.states != "none":
        wrong.append("learning.states must be 'none' with base.qlora")
    return wrong
