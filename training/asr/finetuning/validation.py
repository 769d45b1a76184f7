"""The word error rate of the network as it stands, and when a run has nothing more to gain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch

from training.asr.evaluate import score_pairs
from training.asr.finetuning.batches import validation_batches
from training.asr.finetuning.network import write_greedily
from training.asr.finetuning.spelling import normalised
from training.asr.losses import IGNORED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.asr.finetuning.batches import Lesson, Window
    from training.asr.finetuning.recipe import FineTuneRecipe
    from training.asr.finetuning.spelling import Speller
    from training.asr.finetuning.tuner import Tuner


class Measured(msgspec.Struct, frozen=True):
    """One measurement on the validation set.

    Attributes:
        word_error_rate: After openai-whisper's normalisation of both sides.
        loss: Mean cross-entropy of a token.
        pairs: Of what was said and what was heard, normalised.
    """

    word_error_rate: float
    loss: float
    pairs: list[tuple[str, str]]


class Progress(msgspec.Struct, frozen=True):
    """The best measurement so far, and for how many there was none better.

    Attributes:
        word_error_rate: The best; a lower loss decides between equal ones.
        loss: Of the best.
        step: Of the best; -1 before the first measurement.
        waited: Measurements since.
    """

    word_error_rate: float = float("inf")
    loss: float = float("inf")
    step: int = -1
    waited: int = 0

    def after(self, measured: Measured, step: int) -> Progress:
        """Return the progress after one more measurement."""
        if (measured.word_error_rate, measured.loss) < (self.word_error_rate, self.loss):
            return Progress(measured.word_error_rate, measured.loss, step)
        return msgspec.structs.replace(self, waited=self.waited + 1)

    def is_over(self, patience: int) -> bool:
        """Return whether the run has waited long enough; never with a patience of 0."""
        return 0 < patience <= self.waited


class Examiner:
    """Measures the network on the validation set.

    Args:
        recipe: Of the run.
        lessons: The validation set.
        speller: Turns tokens into text.
        window: What the encoder sees.
    """

    def __init__(
        self,
        recipe: FineTuneRecipe,
        lessons: Sequence[Lesson],
        speller: Speller,
        window: Window,
    ) -> None:
        self._recipe = recipe
        self._lessons = lessons[: recipe.validation.clips or None]
        self._speller = speller
        self._window = window

    @torch.inference_mode()
    def measure(self, tuner: Tuner) -> Measured:
        """Return what the network makes of the set, greedily and without prompts."""
        tuner.rest()
        pairs: list[tuple[str, str]] = []
        loss, count = 0.0, 0
        for clips, batch in validation_batches(self._recipe, self._lessons, self._window):
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
        return Measured(score_pairs(pairs).word_error_rate, loss / count, pairs)
