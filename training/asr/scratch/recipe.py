"""The recipe of a training from scratch: one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from training.asr.scratch.network import NetworkSize
from training.asr.speech.augment import Augmentation, wrong_augmentation
from training.asr.synthesis.recipe import Synthesis
from training.core.optimisers import Schedule, wrong_schedule
from training.core.recipes import (
    below_one,
    below_zero,
    convert_recipe,
    not_above_zero,
    outside_unit,
    read_tables,
    refuse,
    wrong_name,
    wrong_seed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MEL_BANDS = (80, 128)  # of openai-whisper's filters
_ROUNDING = 1e-9  # of a sum of shares


class TrainingStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of the batches until ``until_step``.

    Shares are of the items of a batch; ``excerpt`` items are cut out of longer utterances at word
    borders, ``pair`` items are two utterances in a row.
    ``token_noise`` is the share of the decoder's input tokens that are replaced by others, so that
    it relies on the audio, and recovers from its own errors.
    """

    until_step: int
    max_seconds: float = 12.0
    real_share: float = 0.0
    excerpt_share: float = 0.0
    pair_share: float = 0.0
    non_speech_share: float = 0.0
    token_noise: float = 0.0
    augmentation: Augmentation = Augmentation()


class LossWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the auxiliary losses beside the decoder's cross-entropy (weight 1).

    ``guided_heads`` says, layer by layer, how many of the decoder's heads are guided to their
    token's audio.
    """

    phones: float = 1.0
    ctc: float = 0.2
    attention: float = 0.5
    guided_heads: tuple[int, ...] = (2, 3)


class Optimisation(Schedule, frozen=True, forbid_unknown_fields=True):
    """The schedule, and how much audio each step takes in how many processes."""

    batch_seconds: float = 90.0
    processes: int = 1
    bfloat16: bool = True


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that decides the outcome of a run, data folders aside."""

    name: str
    seed: int
    vocabulary: int
    synthesis: Synthesis
    network: NetworkSize
    losses: LossWeights
    optimisation: Optimisation
    stages: tuple[TrainingStage, ...]
    checkpoint_steps: int = 500

    def stage_at(self, step: int) -> TrainingStage:
        """Return the stage of a step; the last one has no end."""
        for stage in self.stages:
            if step < stage.until_step:
                return stage
        return self.stages[-1]


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a TOML file, with ``table.key=value`` changes applied.

    Raises:
        RecipeError: The file or a change is not valid; the message names the setting.
    """
    return scratch_recipe(read_tables(path, changes), path)


def scratch_recipe(content: dict[str, Any], path: Path) -> Recipe:
    """Return a recipe from the content of its file.

    Raises:
        RecipeError: A setting or a combination of settings is not valid.
    """
    recipe = convert_recipe(content, Recipe, path)
    complaints = [
        *wrong_name(recipe.name, "name"),
        *wrong_seed(recipe.seed),
        *wrong_schedule(recipe.optimisation, "optimisation"),
        *_wrong_numbers(recipe),
        *_wrong_network(recipe.network, recipe.losses),
        *([] if recipe.stages else ["stages: there must be one or more"]),
    ]
    for number, stage in enumerate(recipe.stages, 1):
        complaints += _wrong_stage(stage, f"stages[{number}]")
    refuse(complaints, path)
    return recipe


def _wrong_numbers(recipe: Recipe) -> list[str]:
    synthesis, losses = recipe.synthesis, recipe.losses
    counts = {
        "vocabulary": recipe.vocabulary,
        "checkpoint_steps": recipe.checkpoint_steps,
        "optimisation.processes": recipe.optimisation.processes,
        "synthesis.utterances": synthesis.utterances,
        "synthesis.workers": synthesis.workers,
    }
    weights = {f"losses.{name}": getattr(losses, name) for name in ("phones", "ctc", "attention")}
    shares = {
        f"synthesis.{name}": getattr(synthesis, name)
        for name in ("flite_share", "generated_share", "small_talk_share")
    }
    return [
        *below_one(counts),
        *not_above_zero({"optimisation.batch_seconds": recipe.optimisation.batch_seconds}),
        *below_zero(weights),
        *outside_unit(shares),
    ]


def _wrong_network(size: NetworkSize, losses: LossWeights) -> list[str]:
    sizes = {f"network.{name}": value for name, value in msgspec.structs.asdict(size).items()}
    wrong = below_one(sizes)
    if wrong:
        return wrong
    heads = losses.guided_heads
    rules = {
        "network.width must be even, and a multiple of network.heads": (
            size.width % 2 == 0 and size.width % size.heads == 0
        ),
        f"network.mel_bands must be one of {_MEL_BANDS}": size.mel_bands in _MEL_BANDS,
        "losses.guided_heads must have a number for each layer of the decoder": (
            len(heads) == size.decoder_layers
        ),
        "losses.guided_heads must lie between 0 and network.heads": all(
            0 <= count <= size.heads for count in heads
        ),
    }
    return [rule for rule, is_kept in rules.items() if not is_kept]


def _wrong_stage(stage: TrainingStage, table: str) -> list[str]:
    names = ("real_share", "excerpt_share", "pair_share", "non_speech_share")
    shares = {f"{table}.{name}": getattr(stage, name) for name in names}
    together = sum(shares.values())
    return [
        *below_one({f"{table}.until_step": stage.until_step}),
        *not_above_zero({f"{table}.max_seconds": stage.max_seconds}),
        *outside_unit({**shares, f"{table}.token_noise": stage.token_noise}),
        *([f"{table}: the shares must not exceed 1 together"] if together > 1 + _ROUNDING else []),
        *wrong_augmentation(stage.augmentation, f"{table}.augmentation"),
    ]
