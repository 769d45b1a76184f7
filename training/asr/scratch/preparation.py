"""The speech that a run learns from and is evaluated on, made before it begins."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import msgspec

from training.asr.speech.real_speech import list_clips, read_recordings
from training.asr.speech.utterances import Recording, SpeechPool, write_shard
from training.asr.synthesis.demo_call import dialogue_texts, read_dialogue
from training.asr.synthesis.training_speech import synthesise
from training.asr.synthesis.voice_set import VOICE_SET_SIZE, held_out_sentences, speak_held_out
from training.core.errors import MissingDataError

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
    prepare_real_speech(folders)
    return synthesise_all(recipe, folders)


def has_training_speech(folders: SpeechFolders) -> bool:
    """Return whether the synthesised shards are there."""
    return any(folders.synthetic.glob("*.msgpack"))


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
    """Write the synthesised shards, one process per worker, and return how many utterances."""
    settings = recipe.synthesis
    each = -(-settings.utterances // settings.workers)
    share = msgspec.structs.replace(settings, utterances=each)
    excluded = excluded_texts(folders)
    with ProcessPoolExecutor(settings.workers, mp_context=get_context("spawn")) as pool:
        runs = [
            pool.submit(
                synthesise, folders.text, folders.synthetic, share, seed=seed, excluded=excluded
            )
            for seed in range(1, settings.workers + 1)
        ]
        return sum(run.result() for run in runs)


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
    write_shard(folders.voices / "000", list(speak_held_out(sentences, seed=1)))
