"""One channel's audio, its front end, and when that is rebuilt."""

import numpy as np

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd, warm_up_samples
from stream_app.calls.segmenter import (
    Cut,
    Rebuild,
    SegmentConfig,
    Segmenter,
    SegmenterEvent,
    SegmenterPoint,
)
from stream_app.calls.sequencer import to_ms, to_position


class Channel:
    """One channel of a call, from source samples to segments.

    What it returns is a pure function of ``point``, the source audio from ``WARM_UP_MS`` before
    its origin, and the ends of that audio; how the audio was cut into chunks does not matter.

    Args:
        front_end: Of this channel alone.
        rate_hz: Sample rate of the source.
        config: How it is cut.
        point: Where to begin; audio further back is ignored.
    """

    def __init__(
        self,
        front_end: ChannelFrontEnd,
        rate_hz: int,
        config: SegmentConfig,
        point: SegmenterPoint,
    ) -> None:
        self._front_end = front_end
        self._rate_hz = rate_hz
        self._config = config
        self._warm_up = warm_up_samples(rate_hz)
        self.segmenter = Segmenter(config, point)
        self._recent = RecentAudio(to_position(point.origin_ms, rate_hz) - self._warm_up)
        self._cursor = to_position(point.origin_ms, rate_hz)
        self._is_warm = False

    @property
    def warm_front_end(self) -> ChannelFrontEnd | None:
        """Return the front end if it takes the next audio as it comes, without a rebuild."""
        return self._front_end if self._is_warm and self._cursor == self._recent.end else None

    def insert(self, start: int, samples: FloatArray) -> list[SegmenterEvent]:
        """Return what source audio leads to.

        Args:
            start: Position of the first sample, counted from the call's start.
            samples: Shape (n_samples,); follows on what came before.
        """
        self._recent.append(start, samples)
        events: list[SegmenterEvent] = []
        while self._cursor < self._recent.end:
            if not self._is_warm:
                self._warm_up_front_end()
            audio = self._recent.between(self._cursor, self._recent.end)
            self._cursor = self._recent.end
            events.extend(self._feed(audio, is_last=False))
        self._forget()
        return events

    def close(self, cut: Cut, end: int, *, resume: int | None = None) -> list[SegmenterEvent]:
        """Return what the end of the audio at position ``end`` leads to.

        Args:
            cut: Why it ends.
            end: Position after the last sample.
            resume: Where audio may go on; right there by default.
        """
        events: list[SegmenterEvent] = []
        while self._is_warm:
            audio = self._recent.between(self._cursor, self._recent.end)
            self._cursor = self._recent.end
            is_whole = not any(isinstance(e, Rebuild) for e in self._flush(audio, events))
            if is_whole or self._cursor >= self._recent.end:
                break
            self._warm_up_front_end()
        end_ms = to_ms(end, self._rate_hz)
        origin_ms = to_ms(end if resume is None else resume, self._rate_hz)
        events.extend(self.segmenter.close(cut, at_ms=end_ms, origin_ms=origin_ms))
        closing = events[-1]
        assert isinstance(closing, Rebuild)  # noqa: S101 -- what close ends with
        self._wait_for(closing.point)
        if resume is not None:
            self._recent = RecentAudio(self._cursor - self._warm_up)
        return events

    def _flush(self, audio: FloatArray, events: list[SegmenterEvent]) -> list[SegmenterEvent]:
        new = self._feed(audio, is_last=True)
        events.extend(new)
        return new

    def _feed(self, audio: FloatArray, *, is_last: bool) -> list[SegmenterEvent]:
        frames = self._front_end.insert(audio)
        if is_last:
            frames.extend(self._front_end.flush())
        events: list[SegmenterEvent] = []
        for frame in frames:
            events.extend(self.segmenter.feed(frame, self._front_end.pre_roll))
            if events and isinstance(events[-1], Rebuild):
                self._wait_for(events[-1].point)
                break
        return events

    def _wait_for(self, point: SegmenterPoint) -> None:
        self._cursor = to_position(point.origin_ms, self._rate_hz)
        self._is_warm = False

    def _warm_up_front_end(self) -> None:
        self._front_end.rebuild(self._recent.between(self._cursor - self._warm_up, self._cursor))
        self._is_warm = True

    def _forget(self) -> None:
        heard = to_position(self.segmenter.heard_ms - self._config.cut_window_ms, self._rate_hz)
        self._recent.forget(heard - self._warm_up)


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
            return self._blocks[-1][1]  # what nearly every chunk comes to
        audio = np.zeros(max(end - start, 0), dtype=np.float32)
        for block_start, samples in self._blocks:
            first = max(block_start, start)
            last = min(block_start + len(samples), end)
            if first < last:
                audio[first - start : last - start] = samples[
                    first - block_start : last - block_start
                ]
        return audio

    def forget(self, before: int) -> None:
        """Drop what lies wholly before a position."""
        keep = next(
            (n for n, (start, samples) in enumerate(self._blocks) if start + len(samples) > before),
            len(self._blocks),
        )
        del self._blocks[:keep]
