"""An adaptation: from its teachers and speech to weights.

What is written is the mean of the parameters at the last step, where the rate has fallen to 0; the
validations are for the one who watches.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from models.asr.checkpoints.checkpoint import EMBEDDING
from models.asr.checkpoints.hugging_face import openai_state
from training.asr.adaptation.hearing import HearingBatches
from training.asr.adaptation.sources import check_corpora
from training.asr.adaptation.student import Student
from training.asr.adaptation.teaching import prepare_pieces
from training.asr.adaptation.watching import WORD_ERROR_RATE, Watch
from training.asr.bundle.call_texts import word_shares
from training.asr.bundle.vocabulary import cut_vocabulary, needed_tokens
from training.asr.finetuning.base import load_base
from training.asr.finetuning.batches import read_ahead
from training.asr.finetuning.recipe import Output
from training.asr.finetuning.results import write_weights
from training.asr.finetuning.spelling import Speller
from training.asr.speech.augment import Background
from training.asr.speech.non_speech import HELD_OUT_MUSIC
from training.core.checkpoints import CHECKPOINT_NAME, METRICS_NAME, read_kept_checkpoint
from training.core.curves import plot_run
from training.core.errors import RecipeError
from training.core.loop import LoopSettings, TrainingLoop
from training.core.run_metrics import MetricsLog, read_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.asr.adaptation.hearing import HeardBatch
    from training.asr.adaptation.recipe import AdaptationRecipe
    from training.asr.finetuning.base import BaseWeights
    from training.asr.speech.folders import SpeechFolders


class AdaptedWeights(msgspec.Struct, frozen=True):
    """The weights that a run wrote.

    Attributes:
        weights: A file of openai-whisper's form, or a folder of PEFT for adapters.
        step: That they are of.
        figures: Of the last validation, before the blend with the teacher.
    """

    weights: Path
    step: int
    figures: dict[str, float]


def adapt(
    recipe: AdaptationRecipe, folders: SpeechFolders, out: Path, *, resume: bool
) -> AdaptedWeights:
    """Run a recipe and return what was written.

    Args:
        recipe: Of the run.
        folders: Of data and work, with the held-out sets that `callstream train asr-synthesise`
            makes.
        out: Folder for the weights.
        resume: Go on from the run's checkpoint.

    Raises:
        RecipeError: A setting does not fit the weights, the device or the checkpoint.
        MissingDataError: A corpus, the held-out sets or the checkpoint to go on from are missing.
        ModelNotFoundError: A teacher is not there.
    """
    run = folders.work / recipe.name
    check_corpora(recipe.pieces.corpora, folders)
    base = load_base(recipe.teachers.model)
    kept = kept_tokens(recipe, base, folders)
    small = replace(base, checkpoint=cut_vocabulary(base.checkpoint, kept))
    student, speller = Student(recipe, small), Speller(small)
    background = Background(folders.augment, without=HELD_OUT_MUSIC)
    loop = _prepared_loop(recipe, folders, student, speller)
    if resume:
        loop.resume(read_kept_checkpoint(run / CHECKPOINT_NAME, "begin without --resume"))
    store = prepare_pieces(recipe, folders)  # hours: whatever can be wrong before is known by now
    batches = HearingBatches(recipe, store, speller, background, base.dims["n_audio_ctx"])
    run.mkdir(parents=True, exist_ok=True)
    figures = _learn(recipe, loop, batches, student, run)
    student.put(student.parameters())
    student.blend(recipe.blend)
    weights = write_student(student, base, kept, recipe, out)
    plot_run(run)
    return AdaptedWeights(weights, student.step, figures)


def _prepared_loop(
    recipe: AdaptationRecipe, folders: SpeechFolders, student: Student, speller: Speller
) -> TrainingLoop[HeardBatch]:
    """Return the loop of a run whose student has the parameters that it begins with."""
    settings = LoopSettings(
        steps=recipe.optimisation.steps,
        checkpoint_steps=recipe.checkpoint_steps,
        validation_steps=recipe.validation.every_steps,
        validates_start=True,
        keeps_best=False,  # the last step's running mean is written
    )
    watch = Watch(recipe.validation, folders.real_test, student, speller)
    if recipe.start:
        begin_with(student, recipe.start, folders)
        student.remember()
    return TrainingLoop(student, settings, folders.work / recipe.name, validate=watch)


def _learn(
    recipe: AdaptationRecipe,
    loop: TrainingLoop[HeardBatch],
    batches: HearingBatches,
    student: Student,
    run: Path,
) -> dict[str, float]:
    """Run the loop and return the figures of the last validation."""
    metrics = MetricsLog(
        run / METRICS_NAME, recipe.name, step=student.step, report_steps=recipe.report_steps
    )
    steps, readers = recipe.optimisation.steps, recipe.optimisation.readers
    with metrics, closing(read_ahead(batches.make, student.step, steps, readers)) as upcoming:
        loop.run(upcoming, metrics)
    figures = [row for row in read_metrics(run) if WORD_ERROR_RATE in row][-1]
    return {name: rate for name, rate in figures.items() if name != "step"}


def kept_tokens(
    recipe: AdaptationRecipe, base: BaseWeights, folders: SpeechFolders
) -> Sequence[int]:
    """Return the tokens that a student keeps, all of them where the recipe does not cut.

    Raises:
        RecipeError: No such size, or the weights are multilingual.
        MissingDataError: The texts that choose them are not there.
    """
    if not recipe.tokens:
        return range(len(base.tokens.pieces))
    if base.is_multilingual:
        raise RecipeError("tokens: only the vocabulary of English weights can be cut")
    return needed_tokens(base.tokens, word_shares(folders.text), recipe.tokens)


def begin_with(student: Student, start: str, folders: SpeechFolders) -> None:
    """Give a student the parameters of other weights.

    Args:
        student: Of any recipe that keeps the whole vocabulary.
        start: A run's checkpoint relative to the work folder, or weights as `load_engine` takes.
        folders: Of the work.

    Raises:
        RecipeError: They are of another size, or of other parts.
        MissingDataError: The run has not been made.
        ModelNotFoundError: No such weights.
    """
    if PurePath(start).name == CHECKPOINT_NAME:
        saved = read_kept_checkpoint(folders.work / start, "run the recipe that writes it first")
        student.put(saved["parameters"])
        return
    state, _ = load_base(start).network_state()
    missing = [name for name in student.parameters() if name not in state]
    if missing:
        raise RecipeError(f"start: {start} has no {missing[0]}, which is to learn")
    student.put({name: state[name] for name in student.parameters()})


def write_student(
    student: Student,
    base: BaseWeights,
    kept: Sequence[int],
    recipe: AdaptationRecipe,
    out: Path,
) -> Path:
    """Write a student's weights, whose manifest says how short a tail they want.

    The vocabulary is whole; a token that the student does not keep has the teacher's embedding.

    Args:
        student: Its adapters, if any, are merged into the network, which ends its training.
        base: What it began with.
        kept: Tokens that it has, of the base's.
        recipe: Of the run.
        out: Folder.
    """
    if student.adapters:
        folder = out / f"{recipe.name}-adapter"
        student.adapters.save_pretrained(folder, save_embedding_layers=False)
    network: Any = student.adapters.merge_and_unload() if student.adapters else student.network
    state = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    tensors, _ = openai_state(state, network.config.to_dict())
    embedding = base.tensors[EMBEDDING]
    embedding[list(kept)] = tensors[EMBEDDING]
    manifest = msgspec.structs.replace(
        base.manifest, encoder_context="cut", pad_ms=recipe.validation.tail_ms
    )
    settled = type(base)(base.checkpoint, manifest, base.folder)
    return write_weights({**tensors, EMBEDDING: embedding}, settled, Output(), out / recipe.name)
