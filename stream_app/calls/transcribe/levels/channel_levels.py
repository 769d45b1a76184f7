"""The levels of a channel so far.

Audio is measured in stretches that end at even seconds of the call's clock, or where it stops: so
the figures do not depend on how it was cut into chunks. A checkpoint has the levels up to the end
of a stretch, from which on all audio is read again after a takeover.
"""

from collections import deque

import msgspec
import numpy as np

from models.audio.levels import measure_levels
from models.audio.samples import FloatArray

STRETCH_S = 2


class LevelPoint(msgspec.Struct, frozen=True, array_like=True):
    """Levels of a channel up to a position; part of its call's checkpoint.

    Attributes:
        done: Sample, counted from the call's start, up to which they were measured; 0 where the
            audio has stopped and nothing of it is missing.
        samples: How many were measured.
        total: Their sum, at 16 bits.
        peak: The largest magnitude, at 16 bits.
        clipped: Samples at full scale with a neighbour there.
        frames: Frames of 50 ms by level, in steps of 3 dB; see `models.audio.levels`.
    """

    done: int = 0
    samples: int = 0
    total: int = 0
    peak: int = 0
    clipped: int = 0
    frames: tuple[int, ...] = ()


class ChannelLevels:
    """Measures one channel.

    Args:
        point: Where to begin; audio before it is ignored.
    """

    def __init__(self, point: LevelPoint) -> None:
        self._points = deque([point])
        self._rate_hz = 0
        self._waiting: list[FloatArray] = []
        self._end = self._boundary = point.done

    @property
    def point(self) -> LevelPoint:
        """Return the levels up to the last position that was measured."""
        return self._points[-1]

    def begin(self, rate_hz: int) -> None:
        """Begin, or go on, with audio of a sample rate."""
        self._rate_hz = rate_hz
        self._boundary = self._boundary_after(self._end)

    def add(self, start: int, samples: FloatArray) -> None:
        """Take in audio that begins at ``start``, at or after what came before."""
        end = start + len(samples)
        if end <= self._end:
            return
        if start > self._end:
            self._measure(start)
        elif start < self._end:
            samples = samples[self._end - start :]
        while end >= self._boundary:
            count = self._boundary - self._end
            self._waiting.append(samples[:count])
            samples = samples[count:]
            self._measure(self._boundary)
        if len(samples):
            self._waiting.append(samples)
        self._end = end

    def stop(self) -> None:
        """Measure what is left: no audio follows on it."""
        self._measure(0)

    def point_at(self, position: int) -> LevelPoint:
        """Return levels behind which all audio from ``position`` on completes them."""
        while len(self._points) > 1 and self._points[0].done < position:
            self._points.popleft()
        return self._points[0]

    def _measure(self, done: int) -> None:
        """Measure what waits; the audio goes on at ``done``."""
        point = self.point
        if self._waiting:
            heard = measure_levels(np.concatenate(self._waiting), self._rate_hz)
            frames = point.frames or (0,) * len(heard.frames)
            point = LevelPoint(
                done,
                point.samples + heard.samples,
                point.total + heard.total,
                max(point.peak, heard.peak),
                point.clipped + heard.clipped,
                tuple(map(sum, zip(frames, heard.frames, strict=True))),
            )
            self._waiting.clear()
        else:
            point = msgspec.structs.replace(point, done=done)
        if done == 0:
            self._points.clear()
        self._points.append(point)
        self._end = done
        self._boundary = self._boundary_after(done)

    def _boundary_after(self, position: int) -> int:
        length = STRETCH_S * self._rate_hz
        return (position // length + 1) * length
