"""The recent audio of a channel at the rate at which channels are compared."""

import numpy as np

from models.audio.samples import FloatArray, no_samples
from stream_app.calls.transcribe.crosstalk.block_grid import STEP_BLOCKS, BlockGrid

KEPT_ENERGIES = 64  # blocks


def mean_square(samples: FloatArray) -> float:
    """Return the energy of samples."""
    return float(np.dot(samples, samples)) / len(samples)


class ComparedAudio:
    """The recent audio of a channel, averaged to the rate of comparison; silence before it.

    Args:
        grid: Of the call.
        start: Position before which there is silence.

    Attributes:
        end: Position after the last sample that came.
    """

    def __init__(self, grid: BlockGrid, start: int) -> None:
        self._size = grid.compared
        self._factor = grid.factor
        self._kept = grid.history // grid.factor + 2 * STEP_BLOCKS * grid.compared
        self._buffer = np.zeros(2 * self._kept, dtype=np.float32)
        self._energies: dict[int, float] = {}
        self._begin(start)

    def append(self, start: int, samples: FloatArray) -> None:
        """Take in samples that begin at ``start``: what lies before ``end`` is known, or void.

        The first ones may begin later than was asked for.
        """
        if start > self.end:
            self._begin(start)
        new = samples[max(self.end - start, 0) :]
        self.end += len(new)
        if self._factor > 1:
            new = self._averaged(new)
        while len(new):
            part = new[: self._kept]
            if self._filled + len(part) > len(self._buffer):
                self._make_room()
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            new = new[len(part) :]

    def _begin(self, start: int) -> None:
        self._buffer[:] = 0
        self._energies.clear()
        self._filled = self._kept  # of the buffer; all before the first sample is silence
        self._first = start // self._factor - self._kept
        self._rest = np.zeros(start % self._factor, dtype=np.float32)
        self.end = start

    def between(self, start: int, end: int) -> FloatArray:
        """Return compared samples [start, end), shape (end - start,); a view, not to be kept."""
        return self._buffer[start - self._first : end - self._first]

    def energy(self, block: int) -> float:
        """Return the mean square of a block all of which has come."""
        known = self._energies.get(block)
        if known is None:
            if len(self._energies) >= KEPT_ENERGIES:
                self._energies.clear()
            audio = self.between(block * self._size, (block + 1) * self._size)
            known = self._energies[block] = mean_square(audio)
        return known

    def _averaged(self, samples: FloatArray) -> FloatArray:
        audio = np.concatenate((self._rest, samples))
        count = len(audio) // self._factor
        self._rest = audio[count * self._factor :]
        if not count:
            return no_samples()
        groups = audio[: count * self._factor].reshape(count, self._factor)
        return np.asarray(groups.mean(axis=1), np.float32)

    def _make_room(self) -> None:
        surplus = self._filled - self._kept
        self._buffer[: self._kept] = self._buffer[surplus : self._filled]
        self._filled = self._kept
        self._first += surplus
