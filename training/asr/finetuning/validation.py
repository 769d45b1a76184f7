"""The word error rate of a network on the validation set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from training.asr.evaluation.word_errors import score_pairs
from training.asr.finetuning.batches import validation_batches
from training.asr.finetuning.network import write_greedily
from training.asr.finetuning.spelling import normalised
from training.asr.whisper.losses import IGNORED
from training.core.loop import Validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.asr.finetuning.batches import TokenisedClip, Window
    from training.asr.finetuning.recipe import FineTuneRecipe
    from training.asr.finetuning.spelling import Speller
    from training.asr.finetuning.tuner import Tuner

WORD_ERROR_RATE = "validation_wer"
LOSS = "validation_loss"


class Validator:
    """Measures a network on the validation set.

    Args:
        tuner: With the network.
        recipe: Of the run.
        clips: The validation set.
        speller: Turns tokens into text.
        window: What the encoder sees.
    """

    def __init__(
        self,
        tuner: Tuner,
        recipe: FineTuneRecipe,
        clips: Sequence[TokenisedClip],
        speller: Speller,
        window: Window,
    ) -> None:
        self._tuner = tuner
        self._recipe = recipe
        self._clips = clips[: recipe.validation.clips or None]
        self._speller = speller
        self._window = window

    @torch.inference_mode()
    def __call__(self) -> Validation:
        """Return word error rate and loss, decoded greedily and without prompts.

        The lower rate ranks higher; between equal ones, the lower loss. Both texts are normalised.
        """
        tuner = self._tuner
        tuner.disable_dropout()
        pairs: list[tuple[str, str]] = []
        loss, count = 0.0, 0
        for clips, batch in validation_batches(self._recipe, self._clips, self._window):
            tokens = int((batch.targets != IGNORED).sum())
            features = tuner.features(batch)
            loss += float(tuner.token_loss(batch, features)) * tokens
            count += tokens
            language = clips[0].language
            with tuner.autocast():
                heard = write_greedily(
                    tuner.network,
                    features,
                    self._speller.opening(language),
                    self._speller.banned().to(tuner.device),
                    end=self._speller.end,
                )
            for clip, row in zip(clips, heard, strict=True):
                text = self._speller.text(row)
                pairs.append((normalised(clip.text, language), normalised(text, language)))
        rate, mean_loss = score_pairs(pairs).word_error_rate, loss / count
        return Validation((-rate, -mean_loss), {WORD_ERROR_RATE: rate, LOSS: mean_loss})
