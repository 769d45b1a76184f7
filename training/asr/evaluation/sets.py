"""The evaluation of weights: word errors on every set, and how they take silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from training.asr.evaluation.word_errors import Score, load_recogniser, score, share_rejected
from training.asr.speech.augment import Background, non_speech
from training.asr.speech.bundled_call import demo_call_recordings
from training.asr.speech.utterances import SpeechPool
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    """
    recognise = load_recogniser(str(weights), "torch")
    scores: dict[str, Score] = {}
    for name, recordings, through_line in _sets(folders, demo_call):
        scores[name], pairs = score(recognise, recordings, through_line=through_line)
        content = [{"said": said, "heard": text} for said, text in pairs]
        write_json(folders.work / "heard" / f"{name}.json", content)
    return Evaluation(scores, _evaluate_silence(recognise, folders))


def _sets(
    folders: SpeechFolders, demo_call: Path
) -> Iterator[tuple[str, Iterator[Recording], bool]]:
    """Yield name, recordings, and whether they are to go through a telephone line."""
    yield "demo_call", demo_call_recordings(demo_call), False
    if folders.voices.is_dir():
        yield "unheard_voices", SpeechPool([folders.voices]).recordings(), True
    for folder in sorted(folders.real_test.glob("*")):
        yield folder.name, SpeechPool([folder]).recordings(), True


def _evaluate_silence(recognise: Recogniser, folders: SpeechFolders) -> dict[str, float]:
    background = Background(folders.augment)
    random = np.random.default_rng(SILENCE_SEED)
    silent = [
        non_speech(int(random.integers(4_000, 48_000)), background, random)
        for _ in range(SILENT_WINDOWS)
    ]
    spoken = [recording.samples for recording in SpeechPool([folders.voices]).recordings()]
    return {
        "without_speech": share_rejected(recognise, silent),
        "with_speech": share_rejected(recognise, spoken),
    }
