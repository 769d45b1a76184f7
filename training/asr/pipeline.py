"""Everything before and after the training loop: data, weights, figures."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import msgspec
import orjson

from training.asr.demo_call import dialogue_texts, read_dialogue
from training.asr.lesson import make_lesson
from training.asr.real_speech import list_clips, read_recordings
from training.asr.run import DataFolders
from training.asr.synthesise import synthesise
from training.asr.utterances import Recording, SpeechPool, write_shard
from training.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.asr.evaluate import Recogniser, Score
    from training.asr.recipe import Recipe
    from training.asr.vocabulary import SubVocabulary

EVALUATION_SEED = 99
SILENT_WINDOWS = 100
_READ_CORPORA = ("kathleen", "ljspeech")


class DataRoot(msgspec.Struct, frozen=True):
    """The data folder (text, speech, augment) and the folder for everything a run makes."""

    data: Path
    work: Path

    @property
    def folders(self) -> DataFolders:
        """Return the folders that training reads."""
        return DataFolders(
            synthetic=self.work / "synthetic",
            real=self.work / "real" / "train",
            augment=self.data / "augment",
        )


def excluded_texts(root: DataRoot) -> set[tuple[str, ...]]:
    """Return the texts that training must not say: the demo call's and the read test sets'."""
    clips = list_clips(root.data / "speech")
    tested = {clip.words for clip in clips if clip.is_test and clip.corpus in _READ_CORPORA}
    return tested | dialogue_texts(read_dialogue())


def prepare_real_speech(root: DataRoot) -> dict[str, int]:
    """Write the shards of both sides of the real speech and return their sizes."""
    sizes = {}
    clips = list_clips(root.data / "speech")
    for side, is_test in (("train", False), ("test", True)):
        chosen = [clip for clip in clips if clip.is_test == is_test]
        by_corpus: dict[str, list[Recording]] = {}
        for recording in read_recordings(root.data / "speech", chosen):
            by_corpus.setdefault(recording.utterance.source, []).append(recording)
        for corpus, recordings in by_corpus.items():
            write_shard(root.work / "real" / side / corpus / "000", recordings)
            sizes[f"{side}/{corpus}"] = len(recordings)
    return sizes


def synthesise_all(recipe: Recipe, root: DataRoot) -> int:
    """Write the synthetic shards, one process per worker, and return how many utterances."""
    if not (root.data / "text").is_dir():
        message = f"{root.data / 'text'} is not there: --data must name the data folder"
        raise MissingDataError(message)
    settings = recipe.synthesis
    each = -(-settings.utterances // settings.workers)
    share = msgspec.structs.replace(settings, utterances=each)
    excluded = excluded_texts(root)
    with ProcessPoolExecutor(settings.workers, mp_context=get_context("spawn")) as pool:
        runs = [
            pool.submit(
                synthesise,
                root.data / "text",
                root.folders.synthetic,
                share,
                seed=seed,
                excluded=excluded,
            )
            for seed in range(1, settings.workers + 1)
        ]
        return sum(run.result() for run in runs)


def training_vocabulary(work: Path, *, size: int) -> SubVocabulary:
    """Return the vocabulary that a run on the shards of ``work`` would begin with."""
    synthetic = SpeechPool([work / "synthetic"])
    real = {path.name: SpeechPool([path]) for path in sorted((work / "real" / "train").glob("*"))}
    return make_lesson(synthetic, real, vocabulary_size=size).vocabulary


def prepare_voice_set(root: DataRoot) -> None:
    """Write the evaluation set of unheard voices, settings and sentences."""
    from training.asr.held_out import (  # noqa: PLC0415
        VOICE_SET_SIZE,
        held_out_sentences,
        speak_held_out,
    )

    trained = {u.words for u in SpeechPool([root.folders.synthetic]).utterances}
    sentences = held_out_sentences(
        root.data / "text", count=VOICE_SET_SIZE, seed=EVALUATION_SEED, trained=trained
    )
    write_shard(root.work / "eval" / "voices" / "000", list(speak_held_out(sentences, seed=1)))


def _recordings(folder: Path) -> Iterator[Recording]:
    pool = SpeechPool([folder])
    for index, utterance in enumerate(pool.utterances):
        yield Recording(utterance, pool.samples(index))


def evaluate_all(recognise: Recogniser, root: DataRoot, demo_folder: Path) -> dict[str, Score]:
    """Return the score of every set, and write what was heard to ``<work>/heard``."""
    from training.asr.evaluate import score  # noqa: PLC0415
    from training.asr.held_out import demo_call_recordings  # noqa: PLC0415

    scores: dict[str, Score] = {}
    sets = [("demo_call", demo_call_recordings(demo_folder), False)]
    if (root.work / "eval" / "voices").is_dir():
        sets.append(("unheard_voices", _recordings(root.work / "eval" / "voices"), True))
    sets += [
        (folder.name, _recordings(folder), True)
        for folder in sorted((root.work / "real" / "test").glob("*"))
    ]
    heard = root.work / "heard"
    heard.mkdir(parents=True, exist_ok=True)
    for name, recordings, through_line in sets:
        scores[name], pairs = score(recognise, recordings, through_line=through_line)
        content = [{"said": said, "heard": text} for said, text in pairs]
        (heard / f"{name}.json").write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return scores


def evaluate_silence(recognise: Recogniser, root: DataRoot) -> dict[str, float]:
    """Return which share of windows without and with speech the model says to hold none."""
    import numpy as np  # noqa: PLC0415

    from training.asr.augment import Background, non_speech  # noqa: PLC0415
    from training.asr.evaluate import share_rejected  # noqa: PLC0415

    background = Background(root.data / "augment")
    random = np.random.default_rng(EVALUATION_SEED)
    quiet = [
        non_speech(int(random.integers(4_000, 48_000)), background, random)
        for _ in range(SILENT_WINDOWS)
    ]
    spoken = [recording.samples for recording in _recordings(root.work / "eval" / "voices")]
    return {
        "without_speech": share_rejected(recognise, quiet),
        "with_speech": share_rejected(recognise, spoken),
    }
