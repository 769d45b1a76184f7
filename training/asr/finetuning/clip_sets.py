"""The clips of a run with their tokens, and the window of audio that its encoder sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from models.asr.core.dimensions import SAMPLES_PER_POSITION
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.finetuning.batches import TokenisedClip, TrainingBatches, Window
from training.asr.finetuning.clips import read_clips
from training.asr.finetuning.validation import Validator
from training.asr.speech.augment import Background
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.asr.finetuning.base import BaseWeights
    from training.asr.finetuning.recipe import FineTuneRecipe
    from training.asr.finetuning.spelling import Speller
    from training.asr.finetuning.tuner import Tuner

log = structlog.get_logger(__name__)


class ClipSets:
    """What a run learns from and is validated on.

    Args:
        recipe: Names the manifests.
        base: Its manifest says how much audio the encoder sees.
        speller: Writes transcripts in the base's tokens.
        data: Folder that the manifests lie in.

    Raises:
        MissingDataError: A manifest or its audio is not what it should be.
    """

    def __init__(
        self, recipe: FineTuneRecipe, base: BaseWeights, speller: Speller, data: Path
    ) -> None:
        manifest, positions = base.manifest, base.dims["n_audio_ctx"]
        self._recipe = recipe
        self._speller = speller
        self._data = data
        self._window = Window(positions, manifest.encoder_context == "cut", manifest.pad_ms)
        context_s = positions * SAMPLES_PER_POSITION / SAMPLE_RATE_HZ
        background = data / recipe.data.background if recipe.data.background else None
        self.batches = TrainingBatches(
            recipe,
            self._read(recipe.data.train, min(recipe.data.max_seconds, context_s)),
            self._window,
            base.dims["n_mels"],
            Background(background),
        )
        validation = recipe.data.validation
        self._validated = self._read(validation, context_s) if validation else None

    def validator(self, tuner: Tuner) -> Validator | None:
        """Return what measures a network on the validation set; None without one."""
        if self._validated is None:
            return None
        return Validator(tuner, self._recipe, self._validated, self._speller, self._window)

    def _read(self, sources: Sequence[str], longest_s: float) -> list[TokenisedClip]:
        """Return clips with their tokens; too long ones and unwritable ones are left out."""
        clips = read_clips(sources, self._data, language=self._recipe.data.language)
        short = [clip for clip in clips if clip.seconds <= longest_s]
        rows = [(clip, self._speller.row(clip)) for clip in short]
        kept = [TokenisedClip(clip, row) for clip, row in rows if row is not None]
        log.info(
            "clips.read",
            sources=list(sources),
            clips=len(kept),
            seconds=round(sum(one.clip.seconds for one in kept), 1),
            too_long=len(clips) - len(short),
            unwritable=len(short) - len(kept),
        )
        if not kept:
            raise MissingDataError(f"no clip of {', '.join(sources)} can be used")
        return kept
