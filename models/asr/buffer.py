"""The audio of one utterance, appended chunk by chunk."""

import numpy as np

from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from schemas.errors import InferenceError

INITIAL_SAMPLES = 2 * SAMPLE_RATE_HZ


class UtteranceOverflowError(InferenceError):
    """An utterance grew beyond its bound: it should have been cut before."""


class UtteranceBuffer:
    """Grows by doubling, so that appending costs amortised O(1) a sample; bounded.

    Args:
        max_ms: Longest utterance.
    """

    def __init__(self, max_ms: int) -> None:
        self._max_samples = max_ms * SAMPLE_RATE_HZ // 1000
        self._storage = self._fresh()
        self._length = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._length

    @property
    def duration_ms(self) -> int:
        """Return the duration of the audio."""
        return self._length * 1000 // SAMPLE_RATE_HZ

    @property
    def samples(self) -> FloatArray:
        """Return the audio so far without a copy, read-only; later appends do not change it."""
        view = self._storage[: self._length]
        view.flags.writeable = False
        return view

    def append(self, samples: FloatArray) -> None:
        """Add samples at the end.

        Raises:
            UtteranceOverflowError: They do not fit; nothing was added.
        """
        length = self._length + len(samples)
        if length > self._max_samples:
            seconds = self._max_samples / SAMPLE_RATE_HZ
            raise UtteranceOverflowError(f"an utterance may last {seconds:g} s: finish it")
        if length > len(self._storage):
            capacity = min(max(length, 2 * len(self._storage)), self._max_samples)
            grown = np.empty(capacity, dtype=np.float32)
            grown[: self._length] = self._storage[: self._length]
            self._storage = grown
        self._storage[self._length : length] = samples
        self._length = length

    def clear(self) -> None:
        """Forget the utterance; what ``samples`` returned before stays as it is."""
        self._storage = self._fresh()
        self._length = 0

    def _fresh(self) -> FloatArray:
        return np.empty(min(INITIAL_SAMPLES, self._max_samples), dtype=np.float32)
