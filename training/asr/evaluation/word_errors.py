"""Word error rates of weights on any back-end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import jiwer
import msgspec
import numpy as np
import soxr

from models.asr.core.requests import DecodeOptions
from models.asr.engine import load_engine
from models.text.scored_words import scored_words
from training.asr.speech.telephone_line import telephone_line
from training.asr.speech.utterances import SAMPLE_RATE_HZ, Recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.asr.engine import Backend

_MODEL_RATE_HZ = 16_000

Recogniser = Callable[["NDArray[np.float32]"], "Heard"]


class Score(msgspec.Struct, frozen=True):
    """Word error rate of one set, with its size and its errors by kind."""

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


def load_recogniser(weights: str, backend: Backend) -> Recogniser:
    """Return a recognizer of mono 8 kHz samples with these weights: the engine without guards."""
    engine = load_engine(weights, backend=backend)
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
        pairs.append((" ".join(recording.utterance.words), recognise(samples).text))
    return score_pairs([(_compared(said), _compared(heard)) for said, heard in pairs]), pairs


def _compared(text: str) -> str:
    return " ".join(scored_words(text))


def share_rejected(
    recognise: Recogniser, windows: Iterable[NDArray[np.float32]], *, threshold: float = 0.6
) -> float:
    """Return the share of 8 kHz windows in which the model finds no speech."""
    verdicts = [recognise(window).no_speech_probability > threshold for window in windows]
    return round(sum(verdicts) / len(verdicts), 4)


def score_pairs(pairs: list[tuple[str, str]]) -> Score:
    """Return the word error rate of pairs of reference and hypothesis, normalised before."""
    result = jiwer.process_words([a for a, _ in pairs], [b for _, b in pairs])
    return Score(
        word_error_rate=round(float(result.wer), 4),
        utterances=len(pairs),
        words=sum(len(a.split()) for a, _ in pairs),
        substitutions=int(result.substitutions),
        deletions=int(result.deletions),
        insertions=int(result.insertions),
    )
