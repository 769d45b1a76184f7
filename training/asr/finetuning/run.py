"""The fine-tuning loop: learn, validate, keep the best, write it down."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from models.asr.dimensions import SAMPLES_PER_POSITION
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.augment import Background
from training.asr.finetuning.base import BaseWeights, load_base
from training.asr.finetuning.batches import Lesson, TrainingBatches, Window, read_ahead
from training.asr.finetuning.clips import read_clips
from training.asr.finetuning.results import write_tuned
from training.asr.finetuning.spelling import Speller
from training.asr.finetuning.tuner import Tuner
from training.asr.finetuning.validation import Examiner, Progress
from training.asr.metrics import METRICS_NAME, MetricsLog, plot_curves, read_metrics
from training.checkpoints import CHECKPOINT_NAME, read_checkpoint, write_checkpoint
from training.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from training.asr.finetuning.batches import ClipBatch
    from training.asr.finetuning.recipe import FineTuneRecipe

BEST_NAME = "best.pt"
CURVE_NAME = "curve.png"
log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """What a run came to.

    Attributes:
        weights: The file or folder that was written.
        step: That the weights are of.
        word_error_rate: Of the weights on the validation set; none without one.
    """

    weights: Path
    step: int
    word_error_rate: float | None


@dataclass(frozen=True)
class _School:
    """Everything of a run that stays as it is."""

    recipe: FineTuneRecipe
    batches: TrainingBatches
    examiner: Examiner | None
    folder: Path


def fine_tune(
    recipe: FineTuneRecipe, data: Path, work: Path, out: Path, *, resume: bool
) -> Outcome:
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
        ModelIntegrityError: The base is no Whisper.
    """
    base = _in_context(load_base(recipe.base.model), recipe)
    _check_output(recipe, base)
    school = _prepare(recipe, base, Speller(base), data, work)
    work.mkdir(parents=True, exist_ok=True)
    tuner, progress = Tuner(recipe, base), Progress()
    if resume:
        saved = _saved(work / CHECKPOINT_NAME)
        tuner.restore(saved)
        progress = msgspec.msgpack.decode(saved["progress"], type=Progress)
    progress = _learn_all(school, tuner, progress)
    plot_curves(read_metrics(work), work / CURVE_NAME)
    step, rate = tuner.step, None
    if progress.step >= 0:
        tuner.put(read_checkpoint(work / BEST_NAME)["parameters"])
        step, rate = progress.step, progress.word_error_rate
    return Outcome(write_tuned(tuner, base, recipe.output, out / recipe.name), step, rate)


def _learn_all(school: _School, tuner: Tuner, progress: Progress) -> Progress:
    recipe, steps = school.recipe, school.recipe.optimisation.steps
    with MetricsLog(
        school.folder / METRICS_NAME,
        recipe.name,
        steps=steps,
        step=tuner.step,
        report_steps=recipe.report_steps,
    ) as metrics:
        if school.examiner and tuner.step == 0:
            progress = _validate(school, tuner, progress, metrics)  # what there is to improve on
        upcoming = _batches(school, tuner.step)
        while tuner.step < steps and not progress.is_over(recipe.validation.patience):
            batches = list(islice(upcoming, recipe.optimisation.accumulate))
            figures = tuner.learn(batches)
            metrics.add(tuner.step, figures, _counts(batches))
            is_last = tuner.step == steps
            is_measured = is_last or tuner.step % recipe.validation.every_steps == 0
            if school.examiner and is_measured:
                progress = _validate(school, tuner, progress, metrics)
            if is_last or tuner.step % recipe.checkpoint_steps == 0:
                _save(school, tuner, progress)
        if tuner.step < steps:
            _save(school, tuner, progress)
    return progress


def _batches(school: _School, step: int) -> Iterator[ClipBatch]:
    settings = school.recipe.optimisation
    first, last = step * settings.accumulate, settings.steps * settings.accumulate
    return read_ahead(school.batches.make, first, last, settings.readers)


def _validate(school: _School, tuner: Tuner, progress: Progress, metrics: MetricsLog) -> Progress:
    assert school.examiner is not None  # noqa: S101, our own invariant
    measured = school.examiner.measure(tuner)
    metrics.note(
        tuner.step,
        {"validation_wer": measured.word_error_rate, "validation_loss": measured.loss},
    )
    progress = progress.after(measured, tuner.step)
    if progress.step == tuner.step:
        content = {"step": tuner.step, "parameters": tuner.moved()}
        write_checkpoint(content, school.folder / BEST_NAME)
    return progress


def _save(school: _School, tuner: Tuner, progress: Progress) -> None:
    content = tuner.state() | {"progress": msgspec.msgpack.encode(progress)}
    write_checkpoint(content, school.folder / CHECKPOINT_NAME)


def _saved(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise MissingDataError(f"there is no checkpoint {path}: run without --resume")
    return read_checkpoint(path)


def _counts(batches: Sequence[ClipBatch]) -> dict[str, float]:
    return {
        "utterances": sum(len(batch.audio) for batch in batches),
        "audio_seconds": sum(batch.audio.numel() for batch in batches) / SAMPLE_RATE_HZ,
    }


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
    if output.format == "huggingface" and base.manifest.encoder_context == "cut":
        raise RecipeError(
            "output.format 'huggingface': transformers pads every clip to 30 s, so that weights "
            "trained with a cut context need format 'openai', whose manifest says so"
        )
    if output.adapter == "separate" and base.is_cut:
        raise RecipeError(
            "output.adapter 'separate': the base's vocabulary is a part of Whisper's, so that no "
            "folder of transformers fits the adapters; use 'merged'"
        )


def _prepare(
    recipe: FineTuneRecipe, base: BaseWeights, speller: Speller, data: Path, folder: Path
) -> _School:
    manifest = base.manifest
    positions = base.dims["n_audio_ctx"]
    window = Window(positions, manifest.encoder_context == "cut", manifest.pad_ms)
    longest = min(recipe.data.max_seconds, positions * SAMPLES_PER_POSITION / SAMPLE_RATE_HZ)
    lessons = _lessons(recipe.data.train, recipe, speller, data, longest)
    background = Background(data / recipe.data.background if recipe.data.background else None)
    examiner = None
    if recipe.data.validation:
        heard = _lessons(recipe.data.validation, recipe, speller, data, longest)
        examiner = Examiner(recipe, heard, speller, window)
    batches = TrainingBatches(recipe, lessons, window, base.dims["n_mels"], background)
    return _School(recipe, batches, examiner, folder)


def _lessons(
    sources: Sequence[str], recipe: FineTuneRecipe, speller: Speller, data: Path, longest: float
) -> list[Lesson]:
    """Return the clips with their tokens; too long ones and unwritable ones are left out."""
    clips = read_clips(sources, data, language=recipe.data.language)
    rows = [(clip, speller.row(clip)) for clip in clips if clip.seconds <= longest]
    lessons = [Lesson(clip, row) for clip, row in rows if row is not None]
    log.info(
        "clips.read",
        sources=list(sources),
        clips=len(lessons),
        seconds=round(sum(lesson.clip.seconds for lesson in lessons), 1),
        too_long=len(clips) - len(rows),
        unwritable=len(rows) - len(lessons),
    )
    if not lessons:
        raise MissingDataError(f"no clip of {', '.join(sources)} can be used")
    return lessons
