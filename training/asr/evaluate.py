"""Word error rates of weights on any back-end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import jiwer
import msgspec
import numpy as np
import soxr

from models.asr.engine import DecodeOptions, load_engine
from training.asr.held_out import telephone_line
from training.asr.utterances import SAMPLE_RATE_HZ, Recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.asr.engine import Backend, Precision

_MODEL_RATE_HZ = 16_000

Recogniser = Callable[["NDArray[np.float32]"], "Heard"]


class Score(msgspec.Struct, frozen=True):
    """Word error rate of one set, with its size and its worst kinds of error."""

    word_error_rate: float
    utterances: int
    words: int
    substitutions: int
    deletions: int
    insertions: int


class Heard(msgspec.Struct, frozen=True):
    """A transcript and the probability that nobody spoke."""

    text: str
    no_speech_probability: float


def load_recogniser(
    weights: str, *, backend: Backend = "auto", precision: Precision = "auto"
) -> Recogniser:
    """Return what hears mono 8 kHz samples with these weights: the bare engine, no guards."""
    engine = load_engine(weights, backend=backend, precision=precision)
    options = DecodeOptions(word_times=False)

    def recognise(samples: NDArray[np.float32]) -> Heard:
        wide = soxr.resample(samples, SAMPLE_RATE_HZ, _MODEL_RATE_HZ, "HQ")
        hypothesis = engine.transcribe(np.asarray(wide, dtype=np.float32), options)
        return Heard(hypothesis.text, hypothesis.no_speech_probability)

    return recognise


def score(
    recognise: Recogniser, recordings: Iterable[Recording], *, through_line: bool = True
) -> tuple[Score, list[tuple[str, str]]]:
    """Return the word error rate over ``recordings`` and each pair of reference and text."""
    pairs = []
    for number, recording in enumerate(recordings):
        samples = recording.samples
        if through_line:
            samples = telephone_line(samples, seed=number)
        hypothesis = " ".join(recognise(samples).text.split())
        pairs.append((" ".join(recording.utterance.words), hypothesis))
    return score_pairs(pairs), pairs


def share_rejected(
    recognise: Recogniser, windows: Iterable[NDArray[np.float32]], *, threshold: float = 0.6
) -> float:
    """Return the share of 8 kHz windows in which, by the model's own word, nobody speaks."""
    verdicts = [recognise(window).no_speech_probability > threshold for window in windows]
    return round(sum(verdicts) / len(verdicts), 4)


def score_pairs(pairs: list[tuple[str, str]]) -> Score:
    """Return the word error rate of pairs of reference and hypothesis."""
    result = jiwer.process_words([a for a, _ in pairs], [b for _, b in pairs])
    return Score(
        word_error_rate=round(float(result.wer), 4),
        utterances=len(pairs),
        words=sum(len(a.split()) for a, _ in pairs),
        substitutions=int(result.substitutions),
        deletions=int(result.deletions),
        insertions=int(result.insertions),
    )
