"""A speech training from its recipe to its weights, and the figures of weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.asr.checkpoints.weights import find_weights
from models.asr.engine import load_engine
from training.asr.evaluation.calibrate import Calibration, Unheard, calibrate, uncalibrated
from training.asr.evaluation.sets import Evaluation, evaluate_weights, unheard_voices
from training.asr.finetuning.recipe import FineTuneRecipe
from training.asr.finetuning.run import fine_tune
from training.asr.scratch.export import export_checkpoint
from training.asr.scratch.preparation import (
    ensure_training_speech,
    prepare_training_speech,
    prepare_voice_set,
)
from training.asr.scratch.run import train
from training.asr.speech.augment import Background
from training.asr.speech.non_speech import CLIP_MS, loudest_stretches, non_speech_clips
from training.asr.speech.real_speech import list_clips, list_test_only_clips, read_recordings
from training.asr.whisper.cards import change_card, check_card
from training.core.run_metrics import tracked_of
from training.core.sampling import spread_evenly

if TYPE_CHECKING:
    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders
    from training.asr.speech.real_speech import CorpusClip

BUNDLED_CALL = Path("stream_app/assets/demo_call")
CALIBRATION_CLIPS = 100  # of each corpus, and of the unheard voices
SILENT_MINUTES, SILENT_SEED = 60, 20_251_126  # of sound without words, for the guards
_SILENT_CLIPS = SILENT_MINUTES * 60_000 // CLIP_MS


class TrainedWeights(msgspec.Struct, frozen=True):
    """The weights that a training wrote.

    Attributes:
        weights: The file or folder.
        step: That they are of.
        remark: Their checksum or their validation, for the one who started the training.
    """

    weights: Path
    step: int
    remark: str


def train_speech(
    recipe: Recipe | FineTuneRecipe, folders: SpeechFolders, out: Path | None, *, resume: bool
) -> TrainedWeights:
    """Run a recipe and return the weights that were written.

    Args:
        recipe: From scratch, or of a fine-tuning.
        folders: Of data and work.
        out: For the weights; None is the folder of the run.
        resume: Go on from the run's checkpoint.

    Raises:
        RecipeError: A setting does not fit the data, the base, the device or the checkpoint.
        MissingDataError: Data are not there or not what they should be.
    """
    run = folders.work / recipe.name
    if isinstance(recipe, FineTuneRecipe):
        tuned = fine_tune(recipe, folders.data, run, out or run, resume=resume)
        rate = tuned.word_error_rate
        remark = "not validated" if rate is None else f"validation WER {rate:.1%}"
        return TrainedWeights(tuned.weights, tuned.step, remark)
    ensure_training_speech(recipe, folders)
    return export(train(recipe, folders, run, resume=resume), out or run)


def prepare_speech(recipe: Recipe, folders: SpeechFolders) -> int:
    """Make training speech and evaluation set of a recipe; return how many are synthesised."""
    made = prepare_training_speech(recipe, folders)
    prepare_voice_set(folders)
    return made


def export(checkpoint: Path, out: Path) -> TrainedWeights:
    """Write a checkpoint of the training from scratch as weights with card and graphs."""
    card = export_checkpoint(checkpoint, out)
    return TrainedWeights(out / card.file, card.step, f"sha256 {card.sha256}")


def evaluate_speech(
    weights: Path, folders: SpeechFolders, demo_call: Path, *, write: bool
) -> Evaluation:
    """Return the figures of weights; ``write`` puts them into their card too.

    Raises:
        MissingDataError: The unheard voices, the noises or the card are not there.
    """
    if write:
        check_card(weights.parent, weights.stem)
    found = evaluate_weights(weights, folders, demo_call)
    if write:
        change_card(weights.parent, weights.stem, {"figures": msgspec.to_builtins(found)})
    return found


def calibrate_speech(weights: Path, folders: SpeechFolders, *, write: bool) -> Calibration:
    """Return the calibration of weights; ``write`` puts it into their card, in place of another.

    The curve is fitted on the held-out parts of the corpora that trainings read; its error is
    taken on librispeech and harper_valley, which none reads. Word times and the policy's guard
    come from the unheard voices: the times of real words are not known. Sound without words has
    another seed than that of the quality benchmark.

    Raises:
        MissingDataError: The unheard voices, the noises or the card are not there.
    """
    if write:
        check_card(weights.parent, weights.stem)
    speech = folders.recordings
    voices = unheard_voices(folders)
    Background(folders.augment)
    clips = non_speech_clips(
        minutes=SILENT_MINUTES, seed=SILENT_SEED, augment_folder=folders.augment
    )
    fit, check = _held_out_clips(speech), list_test_only_clips(speech)
    timed = spread_evenly(len(voices), CALIBRATION_CLIPS)
    unheard = Unheard(
        fit=tracked_of(len(fit), read_recordings(speech, fit), "fitted on"),
        check=tracked_of(len(check), read_recordings(speech, check), "checked on"),
        timed=tracked_of(len(timed), (voices.recording(n) for n in timed), "times and policies"),
        silent=loudest_stretches(tracked_of(_SILENT_CLIPS, clips, "sound without words")),
    )
    found = calibrate(load_engine(uncalibrated(find_weights(str(weights)))), unheard)
    if write:
        change_card(weights.parent, weights.stem, found.manifest_fields)
    return found


def _held_out_clips(speech: Path) -> list[CorpusClip]:
    """Return some clips of each corpus that trainings read, of its held-out part."""
    corpora: dict[str, list[CorpusClip]] = {}
    for clip in list_clips(speech):
        if clip.is_test:
            corpora.setdefault(clip.corpus, []).append(clip)
    return [
        clips[n] for clips in corpora.values() for n in spread_evenly(len(clips), CALIBRATION_CLIPS)
    ]
