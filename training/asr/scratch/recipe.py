"""The recipe of a training from scratch: one TOML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.asr.scratch.network import NetworkSize
from training.asr.speech.augment import Augmentation
from training.asr.synthesis.recipe import Synthesis
from training.core.optimisers import Schedule
from training.core.recipes import convert_recipe, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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
    return convert_recipe(read_tables(path, changes), Recipe, path)
