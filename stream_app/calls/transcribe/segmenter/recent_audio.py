"""The last seconds of a channel's source audio, by position."""

from collections.abc import Iterable

import numpy as np

from models.audio.resample import resample_stretch
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, no_samples
from stream_app.calls.transcribe.input.sequence_point import to_position
from stream_app.calls.transcribe.segmenter.segments import Span

MARGIN_MS = 32  # on either side of a stretch: longer than the resampling filter


class RecentAudio:
    """The last seconds of a channel's source audio, by position; silence where there was none.

    Args:
        start: Position before which nothing is kept.

    Attributes:
        end: Position after the last sample.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._blocks: list[tuple[int, FloatArray]] = []
        self.end = start

    def append(self, start: int, samples: FloatArray) -> None:
        """Take in samples that begin at ``start``, at or after ``end``, or wholly before."""
        end = start + len(samples)
        if end <= self._start:
            return
        self._blocks.append((start, samples))
        self.end = end

    def between(self, start: int, end: int) -> FloatArray:
        """Return the samples of [start, end), shape (end - start,)."""
        if self._blocks and self._blocks[-1][0] == start and self.end == end:
            return self._blocks[-1][1]  # the usual case: the last chunk, as it came
        audio = np.zeros(max(end - start, 0), dtype=np.float32)
        for block_start, samples in self._blocks:
            first = max(block_start, start)
            last = min(block_start + len(samples), end)
            if first < last:
                audio[first - start : last - start] = samples[
                    first - block_start : last - block_start
                ]
        return audio

    def joined(self, spans: Iterable[Span], rate_hz: int) -> FloatArray:
        """Return stretches of the audio end to end at 16 kHz, shape (n_samples,).

        The result depends on the samples within ``MARGIN_MS`` of each stretch alone.

        Args:
            spans: Of the channel's audio; what follows on each has been taken in.
            rate_hz: Rate of the audio.
        """
        parts = [self._converted(span, rate_hz) for span in spans]
        return np.concatenate(parts) if parts else no_samples()

    def _converted(self, span: Span, rate_hz: int) -> FloatArray:
        start = to_position(span.start_ms - MARGIN_MS, rate_hz)
        end = to_position(span.end_ms + MARGIN_MS, rate_hz)
        wide = resample_stretch(self.between(start, end), rate_hz)
        first = MARGIN_MS * SAMPLE_RATE_HZ // 1000
        return wide[first : first + span.duration_ms * SAMPLE_RATE_HZ // 1000]

    def forget(self, before: int) -> None:
        """Drop what lies wholly before a position."""
        keep = next(
            (n for n, (start, samples) in enumerate(self._blocks) if start + len(samples) > before),
            len(self._blocks),
        )
        del self._blocks[:keep]
