"""The speech that a run learns from and is evaluated on, made before it begins."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import msgspec

from training.asr.speech.real_speech import list_clips, read_recordings
from training.asr.speech.utterances import Recording, SpeechPool, write_shard
from training.asr.synthesis.demo_call import dialogue_texts, read_dialogue
from training.asr.synthesis.speech_folder import (
    check_speech,
    clear_speech,
    has_speech,
    mark_complete,
)
from training.asr.synthesis.training_speech import SHOWN_SEED, synthesise
from training.asr.synthesis.voice_set import VOICE_SET_SIZE, held_out_sentences, speak_held_out
from training.core.errors import MissingDataError
from training.core.run_metrics import tracked_of

if TYPE_CHECKING:
    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders

VOICE_SET_SEED = 99
_READ_CORPORA = ("kathleen", "ljspeech")


def prepare_training_speech(recipe: Recipe, folders: SpeechFolders) -> int:
    """Write the shards of real and of synthesised speech; return how many are synthesised.

    Raises:
        MissingDataError: The data folder lacks texts or recordings.
        SynthesiserMissingError: A synthesiser or a voice is not installed.
    """
    if not folders.text.is_dir():
        raise MissingDataError(f"{folders.text} is not there: --data must name the data folder")
    clear_speech(folders.synthetic)
    prepare_real_speech(folders)
    return synthesise_all(recipe, folders)


def ensure_training_speech(recipe: Recipe, folders: SpeechFolders) -> None:
    """Write the training speech of a recipe where there is none.

    Raises:
        MissingDataError: There is some, but not all of it, or that of another recipe; or the data
            folder lacks texts or recordings.
        SynthesiserMissingError: A synthesiser or a voice is not installed.
    """
    if has_speech(folders.synthetic):
        check_speech(folders.synthetic, recipe.synthesis)
    else:
        prepare_training_speech(recipe, folders)


def prepare_real_speech(folders: SpeechFolders) -> dict[str, int]:
    """Write the shards of both sides of the real speech and return their sizes."""
    sizes = {}
    clips = list_clips(folders.recordings)
    for side, is_test in ((folders.real, False), (folders.real_test, True)):
        chosen = [clip for clip in clips if clip.is_test == is_test]
        by_corpus: dict[str, list[Recording]] = {}
        for recording in read_recordings(folders.recordings, chosen):
            by_corpus.setdefault(recording.utterance.source, []).append(recording)
        for corpus, recordings in by_corpus.items():
            write_shard(side / corpus / "000", recordings)
            sizes[f"{side.name}/{corpus}"] = len(recordings)
    return sizes


def synthesise_all(recipe: Recipe, folders: SpeechFolders) -> int:
    """Write the synthesised shards in place of earlier ones; return how many utterances.

    There is one process per worker.
    """
    settings = recipe.synthesis
    each = -(-settings.utterances // settings.workers)
    share = msgspec.structs.replace(settings, utterances=each)
    excluded = excluded_texts(folders)
    clear_speech(folders.synthetic)
    with ProcessPoolExecutor(settings.workers, mp_context=get_context("spawn")) as pool:
        runs = [
            pool.submit(
                synthesise, folders.text, folders.synthetic, share, seed=seed, excluded=excluded
            )
            for seed in range(SHOWN_SEED, SHOWN_SEED + settings.workers)
        ]
        made = sum(run.result() for run in runs)
    mark_complete(folders.synthetic, settings, made)
    return made


def excluded_texts(folders: SpeechFolders) -> set[tuple[str, ...]]:
    """Return the texts that training must not contain: the demo call's and the read test sets'."""
    clips = list_clips(folders.recordings)
    tested = {clip.words for clip in clips if clip.is_test and clip.corpus in _READ_CORPORA}
    return tested | dialogue_texts(read_dialogue())


def prepare_voice_set(folders: SpeechFolders) -> None:
    """Write the evaluation set of unheard voices, settings and sentences."""
    trained = {u.words for u in SpeechPool([folders.synthetic]).utterances}
    sentences = held_out_sentences(
        folders.text, count=VOICE_SET_SIZE, seed=VOICE_SET_SEED, trained=trained
    )
    spoken = tracked_of(len(sentences), speak_held_out(sentences, seed=1), "unheard voices")
    write_shard(folders.voices / "000", list(spoken))
