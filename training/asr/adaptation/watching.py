"""Word error rates of held-out sets while a student learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from models.asr.core.dimensions import SAMPLES_PER_POSITION
from models.audio.samples import SAMPLE_RATE_HZ
from training.asr.evaluation.word_errors import score_pairs
from training.asr.finetuning.clips import from_line_rate
from training.asr.finetuning.network import write_greedily
from training.asr.finetuning.spelling import normalised
from training.asr.speech.telephone_line import telephone_line
from training.asr.speech.utterances import SpeechPool
from training.core.errors import MissingDataError
from training.core.loop import Validation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.audio.samples import FloatArray
    from training.asr.adaptation.recipe import AdaptationValidation
    from training.asr.adaptation.student import Student
    from training.asr.finetuning.spelling import Speller

WORD_ERROR_RATE = "validation_wer"
_LEAST_RATE = 0.01  # of a set without errors, in the geometric mean
_MAX_SECONDS = 20.0
_BATCH = 8


class Watch:
    """Measures the mean of a student's parameters on held-out sets; greedy, without guards.

    Args:
        settings: How much, and with what tail.
        folder: With a folder of shards for each set.
        student: To measure.
        speller: Turns tokens into text.

    Raises:
        MissingDataError: There is no set.
    """

    def __init__(
        self, settings: AdaptationValidation, folder: Path, student: Student, speller: Speller
    ) -> None:
        self._settings = settings
        self._student = student
        self._speller = speller
        self._sets = {path.name: _read_set(path, settings) for path in sorted(folder.glob("*/"))}
        if not any(self._sets.values()):
            raise MissingDataError(
                f"{folder} holds no held-out speech: make it with `callstream train asr-synthesise`"
            )

    @torch.inference_mode()
    def __call__(self) -> Validation:
        """Return the geometric mean of the sets' word error rates; the lower ranks higher."""
        self._student.network.eval()  # type: ignore[no-untyped-call]
        with self._student.averaged():
            rates = {name: self._rate(clips) for name, clips in self._sets.items() if clips}
        logs = [np.log(max(rate, _LEAST_RATE)) for rate in rates.values()]
        mean = float(np.exp(np.mean(logs)))
        figures = {f"wer_{name}": rate for name, rate in rates.items()}
        return Validation((-mean,), {WORD_ERROR_RATE: mean} | figures)

    def _rate(self, clips: Sequence[tuple[FloatArray, str]]) -> float:
        pairs: list[tuple[str, str]] = []
        for audio, texts in _batches(clips, self._settings.tail_ms):
            for text, row in zip(texts, self._written(audio), strict=True):
                heard = self._speller.text(row)
                pairs.append((normalised(text, "en"), normalised(heard, "en")))
        return score_pairs(pairs).word_error_rate

    def _written(self, audio: torch.Tensor) -> list[list[int]]:
        student = self._student
        with student.autocast():
            return write_greedily(
                student.network,
                student.encoded(audio),
                self._speller.opening("en"),
                self._speller.banned().to(student.device),
                end=self._speller.end,
            )


def _read_set(folder: Path, settings: AdaptationValidation) -> list[tuple[FloatArray, str]]:
    """Return clips on a telephone line of little noise with their words, the shortest first."""
    pool = SpeechPool([folder])
    count = min(settings.clips, len(pool))
    clips = []
    for index in range(count):
        number = index * len(pool) // count
        samples = from_line_rate(telephone_line(pool.samples(number), seed=number))
        if len(samples) <= _MAX_SECONDS * SAMPLE_RATE_HZ:
            clips.append((samples, " ".join(pool.utterances[number].words)))
    return sorted(clips, key=lambda clip: len(clip[0]))


def _batches(
    clips: Sequence[tuple[FloatArray, str]], tail_ms: int
) -> Iterator[tuple[torch.Tensor, list[str]]]:
    for start in range(0, len(clips), _BATCH):
        part = clips[start : start + _BATCH]
        length = max(len(samples) for samples, _ in part) + tail_ms * SAMPLE_RATE_HZ // 1000
        length = -(-length // SAMPLES_PER_POSITION) * SAMPLES_PER_POSITION
        audio = np.zeros((len(part), length), np.float32)
        for row, (samples, _) in enumerate(part):
            audio[row, : len(samples)] = samples
        yield torch.from_numpy(audio), [text for _, text in part]
