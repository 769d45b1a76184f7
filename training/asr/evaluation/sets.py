"""The evaluation of weights: word errors on every set, and how they take silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from training.asr.evaluation.word_errors import Score, load_recogniser, score, share_rejected
from training.asr.speech.augment import Background, non_speech
from training.asr.speech.bundled_call import demo_call_recordings
from training.asr.speech.utterances import SpeechPool
from training.core.errors import MissingDataError
from training.core.json_files import write_json
from training.core.run_metrics import tracked_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from training.asr.evaluation.word_errors import Recogniser
    from training.asr.speech.folders import SpeechFolders
    from training.asr.speech.utterances import Recording

SILENCE_SEED = 99
SILENT_WINDOWS = 100


class Evaluation(msgspec.Struct, frozen=True):
    """The figures of some weights.

    Attributes:
        word_error_rates: By set.
        no_speech: Share of windows that the weights say to hold no speech, ``without_speech`` and
            ``with_speech``.
    """

    word_error_rates: dict[str, Score]
    no_speech: dict[str, float]


def evaluate_weights(weights: Path, folders: SpeechFolders, demo_call: Path) -> Evaluation:
    """Return the figures of weights, and write what was heard to ``<work>/heard``.

    Args:
        weights: A checkpoint.
        folders: With the held-out sets that the training made.
        demo_call: Folder of the demo call.

    Raises:
        MissingDataError: The unheard voices or the noises are not there.
    """
    voices, background = unheard_voices(folders), Background(folders.augment)
    recognise = load_recogniser(str(weights), "torch")
    scores: dict[str, Score] = {}
    for one in _sets(voices, folders, demo_call):
        recordings = tracked_of(one.size, one.recordings, one.name)
        scores[one.name], pairs = score(recognise, recordings, through_line=one.through_line)
        content = [{"said": said, "heard": text} for said, text in pairs]
        write_json(folders.work / "heard" / f"{one.name}.json", content)
    return Evaluation(scores, _evaluate_silence(recognise, voices, background))


def unheard_voices(folders: SpeechFolders) -> SpeechPool:
    """Return the evaluation set of unheard voices.

    Raises:
        MissingDataError: It is not there.
    """
    voices = SpeechPool([folders.voices])
    if not len(voices):
        raise MissingDataError(
            f"{folders.voices} holds no speech: make it with `callstream train asr-synthesise`"
        )
    return voices


class _Set(NamedTuple):
    """A set to measure on, and whether it is to go through a telephone line."""

    name: str
    size: int
    recordings: Iterable[Recording]
    through_line: bool


def _sets(voices: SpeechPool, folders: SpeechFolders, demo_call: Path) -> Iterator[_Set]:
    call = list(demo_call_recordings(demo_call))
    yield _Set("demo_call", len(call), call, through_line=False)
    yield _Set("unheard_voices", len(voices), voices.recordings(), through_line=True)
    for folder in sorted(folders.real_test.glob("*")):
        pool = SpeechPool([folder])
        if len(pool):
            yield _Set(folder.name, len(pool), pool.recordings(), through_line=True)


def _evaluate_silence(
    recognise: Recogniser, voices: SpeechPool, background: Background
) -> dict[str, float]:
    random = np.random.default_rng(SILENCE_SEED)
    silent = [
        non_speech(int(random.integers(4_000, 48_000)), background, random)
        for _ in range(SILENT_WINDOWS)
    ]
    spoken = [recording.samples for recording in voices.recordings()]
    return {
        "without_speech": share_rejected(recognise, silent),
        "with_speech": share_rejected(recognise, spoken),
    }
