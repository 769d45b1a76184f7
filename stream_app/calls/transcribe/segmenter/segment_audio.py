"""The audio of segments at 16 kHz, from the frames of a channel at their own rate."""

import numpy as np

from models.audio.resample import resample_stretch
from models.audio.samples import FloatArray
from models.vad.silero import FRAME_MS, FRAME_SAMPLES

CONTEXT_FRAMES = 1  # on either side: longer than the resampling filter
BLOCK_FRAMES = 16


class SegmentAudio:
    """The last frames of a channel.

    Where the frames are not at 16 kHz, audio is converted when it is asked for: nothing waits
    for a filter, and silence is never converted. The result depends on the frames alone, not on
    earlier calls.

    Args:
        frames: To begin with; frame 0 follows on them.
    """

    def __init__(self, frames: list[FloatArray]) -> None:
        self._frames = frames
        self._first = -len(frames)
        self._blocks: dict[int, FloatArray] = {}

    @property
    def end(self) -> int:
        """Return the index after that of the last frame."""
        return self._first + len(self._frames)

    def append(self, samples: FloatArray) -> None:
        """Take in the next frame."""
        self._frames.append(samples)

    def keep_last(self, count: int) -> None:
        """Forget all frames but the last ones."""
        surplus = len(self._frames) - count
        if surplus > 0:
            del self._frames[:surplus]
            self._first += surplus

    def levels(self, start: int) -> list[float]:
        """Return the energy of each frame from index ``start`` on."""
        frames = np.stack(self._frames[start - self._first :])
        energies: list[float] = np.square(frames, dtype=np.float64).mean(axis=1).tolist()
        return energies

    def samples(self, start: int, end: int) -> FloatArray:
        """Return the audio of frames [start, end) at 16 kHz, shape ((end - start) * 512,).

        Args:
            start: First frame; to be the same one as long as a segment is open.
            end: Frame after the last one.
        """
        if not self._frames or len(self._frames[0]) == FRAME_SAMPLES:
            return np.concatenate(self._frames[start - self._first : end - self._first])
        starts = range(start, end, BLOCK_FRAMES)
        return np.concatenate([self._block(at, min(at + BLOCK_FRAMES, end)) for at in starts])

    def _block(self, start: int, end: int) -> FloatArray:
        if end - start < BLOCK_FRAMES or end + CONTEXT_FRAMES > self.end:
            return self._converted(start, end)
        if start not in self._blocks:
            self._blocks[start] = self._converted(start, end)
        return self._blocks[start]

    def _converted(self, start: int, end: int) -> FloatArray:
        first, last = max(start - CONTEXT_FRAMES, self._first), min(end + CONTEXT_FRAMES, self.end)
        stretch = np.concatenate(self._frames[first - self._first : last - self._first])
        rate_hz = len(self._frames[0]) * 1000 // FRAME_MS
        converted = resample_stretch(stretch, rate_hz)
        at = (start - first) * FRAME_SAMPLES
        return converted[at : at + (end - start) * FRAME_SAMPLES]
