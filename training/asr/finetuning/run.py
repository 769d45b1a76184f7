"""A fine-tuning run: from the base and the clips to the weights of the best validation."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from training.asr.finetuning.base import BaseWeights, load_base
from training.asr.finetuning.batches import read_ahead
from training.asr.finetuning.clip_sets import ClipSets
from training.asr.finetuning.results import check_context, write_tuned
from training.asr.finetuning.spelling import Speller
from training.asr.finetuning.tuner import Tuner
from training.asr.finetuning.validation import WORD_ERROR_RATE
from training.core.checkpoints import CHECKPOINT_NAME, METRICS_NAME, read_kept_checkpoint
from training.core.curves import plot_run
from training.core.errors import RecipeError
from training.core.loop import LoopSettings, Progress, TrainingLoop
from training.core.run_metrics import MetricsLog

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from training.asr.finetuning.batches import ClipBatch, TrainingBatches
    from training.asr.finetuning.recipe import FineTuneRecipe


class TunedWeights(msgspec.Struct, frozen=True):
    """The weights that a run wrote.

    Attributes:
        weights: The file or folder.
        step: That they are of.
        word_error_rate: On the validation set; None without one.
    """

    weights: Path
    step: int
    word_error_rate: float | None


def fine_tune(
    recipe: FineTuneRecipe, data: Path, work: Path, out: Path, *, resume: bool
) -> TunedWeights:
    """Run a recipe and return what was written.

    Args:
        recipe: Of the run.
        data: Folder that the recipe's manifests and noises lie in.
        work: Folder of the run, for checkpoints, metrics and the curve.
        out: Folder for the weights.
        resume: Go on from the checkpoint in ``work``.

    Raises:
        RecipeError: A setting does not fit the weights, the device or the checkpoint.
        MissingDataError: A manifest or its audio is not what it should be.
        ModelNotFoundError: The base is not there.
        ModelIntegrityError: The base is not a Whisper.
    """
    base = _in_context(load_base(recipe.base.model), recipe)
    _check_output(recipe, base)
    clips = ClipSets(recipe, base, Speller(base), data)
    work.mkdir(parents=True, exist_ok=True)
    tuner = Tuner(recipe, base)
    best = _learn(recipe, clips, tuner, work, resume=resume)
    weights = write_tuned(tuner, base, recipe.output, out / recipe.name)
    plot_run(work)
    step, rate = (best.step, best.figures[WORD_ERROR_RATE]) if best else (tuner.step, None)
    return TunedWeights(weights, step, rate)


def _learn(
    recipe: FineTuneRecipe, clips: ClipSets, tuner: Tuner, work: Path, *, resume: bool
) -> Progress | None:
    """Run the loop; put the best parameters into the tuner, and return what is known of them."""
    settings = LoopSettings(
        steps=recipe.optimisation.steps,
        checkpoint_steps=recipe.checkpoint_steps,
        validation_steps=recipe.validation.every_steps,
        patience=recipe.validation.patience,
        validates_start=True,
    )
    loop = TrainingLoop(tuner, settings, work, validate=clips.validator(tuner))
    if resume:
        loop.resume(read_kept_checkpoint(work / CHECKPOINT_NAME, "run without --resume"))
    metrics = MetricsLog(
        work / METRICS_NAME, recipe.name, step=tuner.step, report_steps=recipe.report_steps
    )
    with metrics, closing(_read_steps(recipe, clips.batches, tuner.step)) as steps:
        progress = loop.run(steps, metrics)
    best = loop.best_parameters()
    if best is None:
        return None
    tuner.put(best)
    return progress


def _read_steps(
    recipe: FineTuneRecipe, batches: TrainingBatches, first_step: int
) -> Generator[list[ClipBatch]]:
    """Yield the batches of every step from one on, the next ones being made meanwhile."""
    settings = recipe.optimisation
    first, last = first_step * settings.accumulate, settings.steps * settings.accumulate
    with closing(read_ahead(batches.make, first, last, settings.readers)) as upcoming:
        while step := list(islice(upcoming, settings.accumulate)):
            yield step


def _in_context(base: BaseWeights, recipe: FineTuneRecipe) -> BaseWeights:
    """Return the base with a manifest that says how the run treats the encoder's context."""
    context = recipe.base.encoder_context
    if context == "auto":
        return base
    pad_ms = recipe.base.pad_ms if context == "cut" else 0
    changed = msgspec.structs.replace(base.manifest, encoder_context=context, pad_ms=pad_ms)
    return BaseWeights(base.checkpoint, changed, base.folder)


def _check_output(recipe: FineTuneRecipe, base: BaseWeights) -> None:
    output = recipe.output
    check_context(base, output)
    if output.adapter == "separate" and base.is_cut:
        raise RecipeError(
            "output.adapter 'separate': the base's vocabulary is a part of Whisper's, so that no "
            "folder of transformers fits the adapters; use 'merged'"
        )
