"""A fine-tuning run, as one TOML file: the recipe with a table ``[base]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from training.asr.speech.augment import Augmentation, wrong_augmentation
from training.core.devices import DeviceName
from training.core.optimisers import Schedule, wrong_schedule
from training.core.recipes import (
    below_one,
    below_zero,
    convert_recipe,
    not_above_zero,
    not_below_one,
    outside_unit,
    refuse,
    wrong_name,
    wrong_seed,
)

if TYPE_CHECKING:
    from pathlib import Path

WeightsFormat = Literal["openai", "huggingface"]
WINDOW_SECONDS = 30.0  # Whisper's encoder takes no more


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weights to begin with, and how much audio their encoder sees.

    Attributes:
        model: ``bundled``, a name of openai-whisper, the path of one of its ``.pt`` files, of a
            Whisper folder of Hugging Face or CTranslate2, or of weights of ``asr-export``.
        encoder_context: ``full`` pads every clip to 30 s as the official weights want it; ``cut``
            pads a batch to its longest clip, several times cheaper for short ones; ``auto`` is
            what the base was trained with.
        pad_ms: Silence after the longest clip of a ``cut`` batch.
    """

    model: str
    encoder_context: Literal["auto", "full", "cut"] = "auto"
    pad_ms: int = 400


class LowRank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Adapters beside some of the linear layers: W + alpha / rank * B A.

    Attributes:
        rank: Of B A.
        alpha: Scale, before the division by the rank.
        dropout: Dropout of an adapter's inputs.
        targets: Layers by their names in Hugging Face's network: ``q_proj``, ``k_proj``,
            ``v_proj``, ``out_proj``, ``fc1``, ``fc2``.

    Source: Hu et al. 2021, arXiv:2106.09685.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")


class ClipData(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The clips, as manifests (``.jsonl``) or folders of shards, relative to the data folder.

    Attributes:
        train: To learn from.
        validation: To measure the word error rate on; may be empty.
        language: Of clips whose manifest does not say.
        max_seconds: Longer training clips are left out.
        telephone_share: Share of training clips that go through ``augmentation``.
        augmentation: The telephone line; every clip that goes through it loses what is above
            4 kHz.
        background: Folder of noises and music behind the speech; without it, coloured noise.
        validation_line: Validate on clips that went through a telephone line of little noise.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    language: str = "en"
    max_seconds: float = WINDOW_SECONDS
    telephone_share: float = 0.0
    augmentation: Augmentation = Augmentation()
    background: str = ""
    validation_line: bool = False


class SpectrogramMasks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SpecAugment: how many spans of time and of frequency are masked, and how wide.

    Source: Park et al. 2019, arXiv:1904.08779; no time warping.
    """

    time_masks: int = 0
    max_time_ms: int = 300
    frequency_masks: int = 0
    max_bands: int = 12


class FineTuning(Schedule, frozen=True, forbid_unknown_fields=True):
    """The schedule, what each step takes in, and in which arithmetic.

    Attributes:
        batch_clips: Clips that the network sees at once.
        accumulate: Batches of one step.
        precision: ``bf16`` and ``fp16`` are autocast, and for CUDA; parameters stay fp32. On a
            CPU ``bf16`` works too, ``fp16`` does not.
        readers: Threads that read and augment the clips of the steps to come.
        gradient_checkpointing: Compute activations a second time to save memory.
    """

    batch_clips: int = 8
    accumulate: int = 1
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    readers: int = 2
    gradient_checkpointing: bool = False


class ValidationPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the network is validated, and when a run without progress stops.

    Attributes:
        every_steps: Between two validations; the base and the last step are always validated.
        patience: Validations in a row without a new best after which the run stops; 0 never.
        clips: Largest number of clips, from the beginning of the set; 0 takes all.
        batch_clips: Clips decoded at once.
    """

    every_steps: int = 200
    patience: int = 0
    clips: int = 0
    batch_clips: int = 8


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written at the end.

    Attributes:
        format: ``openai`` is a ``.pt`` file for ``whisper.load_model``, ``huggingface`` a folder
            for transformers.
        adapter: ``merged`` into the weights, or ``separate`` as a folder of PEFT.
        precision: Of the parameters.
    """

    format: WeightsFormat = "openai"
    adapter: Literal["merged", "separate"] = "merged"
    precision: Literal["fp16", "fp32"] = "fp16"


class FineTuneRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the weights of a run, apart from the base and the audio.

    Attributes:
        method: ``full`` trains every parameter that is not frozen, ``lora`` adapters alone.
        freeze: Parts that do not learn, by the beginning of their names in Hugging Face's
            network: ``encoder``, ``encoder.layers.0``, ``decoder.embed_tokens``. Only for ``full``.
        device: ``auto`` is CUDA where there is one, else the CPU.
    """

    name: str
    seed: int
    base: Base
    data: ClipData
    optimisation: FineTuning
    method: Literal["full", "lora"] = "full"
    lora: LowRank = LowRank()
    freeze: tuple[str, ...] = ()
    spectrogram: SpectrogramMasks = SpectrogramMasks()
    validation: ValidationPlan = ValidationPlan()
    output: Output = Output()
    checkpoint_steps: int = 200
    report_steps: int = 25
    device: DeviceName = "auto"


def fine_tune_recipe(content: dict[str, Any], path: Path) -> FineTuneRecipe:
    """Return a recipe from the content of its file.

    Raises:
        RecipeError: A setting or a combination of settings is not valid.
    """
    recipe = convert_recipe(content, FineTuneRecipe, path)
    complaints = [
        *wrong_name(recipe.name, "name"),
        *wrong_seed(recipe.seed),
        *wrong_schedule(recipe.optimisation, "optimisation"),
        *wrong_augmentation(recipe.data.augmentation, "data.augmentation"),
        *wrong_low_rank(recipe.lora),
        *_wrong_numbers(recipe),
        *_broken_rules(recipe, content),
    ]
    refuse(complaints, path)
    return recipe


def wrong_low_rank(settings: LowRank) -> list[str]:
    """Return what is wrong with the table ``[lora]``."""
    return [
        *below_one({"lora.rank": settings.rank}),
        *not_above_zero({"lora.alpha": settings.alpha}),
        *not_below_one({"lora.dropout": settings.dropout}),
        *([] if settings.targets else ["lora.targets names no layer"]),
    ]


def _wrong_numbers(recipe: FineTuneRecipe) -> list[str]:
    counts = {
        "optimisation.batch_clips": recipe.optimisation.batch_clips,
        "optimisation.accumulate": recipe.optimisation.accumulate,
        "optimisation.readers": recipe.optimisation.readers,
        "validation.every_steps": recipe.validation.every_steps,
        "validation.batch_clips": recipe.validation.batch_clips,
        "checkpoint_steps": recipe.checkpoint_steps,
        "report_steps": recipe.report_steps,
    }
    masks = msgspec.structs.asdict(recipe.spectrogram)
    least_nothing = {
        "base.pad_ms": recipe.base.pad_ms,
        "validation.patience": recipe.validation.patience,
        "validation.clips": recipe.validation.clips,
        **{f"spectrogram.{name}": value for name, value in masks.items()},
    }
    return [
        *below_one(counts),
        *below_zero(least_nothing),
        *outside_unit({"data.telephone_share": recipe.data.telephone_share}),
    ]


def _broken_rules(recipe: FineTuneRecipe, content: dict[str, Any]) -> list[str]:
    is_lora = recipe.method == "lora"
    rules = {
        "data.train names no manifest": not recipe.data.train,
        "freeze is for method 'full'; adapters leave every layer as it is": is_lora
        and bool(recipe.freeze),
        "[lora] is given, but method is not 'lora'": "lora" in content and not is_lora,
        "output.adapter 'separate' needs method 'lora' and output.format 'huggingface'": (
            recipe.output.adapter == "separate"
            and not (is_lora and recipe.output.format == "huggingface")
        ),
        "validation.patience needs data.validation": recipe.validation.patience > 0
        and not recipe.data.validation,
        f"data.max_seconds must lie in (0, {WINDOW_SECONDS:.0f}]": not (
            0 < recipe.data.max_seconds <= WINDOW_SECONDS
        ),
    }
    return [text for text, is_broken in rules.items() if is_broken]
