"""One channel of a call: its audio, its front end, and when that is rebuilt."""

from collections import deque
from dataclasses import replace

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd, warm_up_samples
from stream_app.calls.transcribe.input.sequence_point import to_ms, to_position
from stream_app.calls.transcribe.segmenter.recent_audio import RecentAudio
from stream_app.calls.transcribe.segmenter.segmenter import Segmenter
from stream_app.calls.transcribe.segmenter.segments import (
    Cut,
    IsCopied,
    NewOrigin,
    Segment,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
)


class Channel:
    """One channel of a call, from source samples to segments.

    What it returns is a pure function of ``point``, the source audio from ``WARM_UP_MS`` before
    the first that it needs, and the ends of that audio; how the audio was cut into chunks does not
    matter.

    Args:
        front_end: Of this channel alone.
        rate_hz: Sample rate of the source.
        config: How it is cut.
        point: Where to begin; audio further back is ignored.
        is_copied: Tells crosstalk.

    Attributes:
        segmenter: Cuts it; knows the open segment.
    """

    def __init__(
        self,
        front_end: ChannelFrontEnd,
        rate_hz: int,
        config: SegmentConfig,
        point: SegmenterPoint,
        is_copied: IsCopied = lambda *_: False,
    ) -> None:
        self._front_end = front_end
        self._rate_hz = rate_hz
        self._config = config
        self._warm_up = warm_up_samples(rate_hz)
        self.segmenter = Segmenter(config, point, is_copied)
        self._recent = RecentAudio(to_position(point.needed_from_ms, rate_hz) - self._warm_up)
        self._cursor = to_position(point.origin_ms, rate_hz)
        self._is_warm = False
        self._early = EarlyEvents()

    @property
    def warm_front_end(self) -> ChannelFrontEnd | None:
        """Return the front end if it can take the next audio without a rebuild."""
        return self._front_end if self._is_warm and self._cursor == self._recent.end else None

    def insert(self, start: int, samples: FloatArray) -> list[SegmenterEvent]:
        """Return what source audio leads to, as far as it lies within what was heard.

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
        return self._early.due(events, self.segmenter.heard_ms)

    def foreseen(self) -> Segment | None:
        """Return the open segment as a pause will end it; see `Segmenter.foreseen`."""
        segment = self.segmenter.foreseen()
        return None if segment is None else self._in_passage(segment)

    def close(self, cut: Cut, end: int, *, resume: int | None = None) -> list[SegmenterEvent]:
        """Return what the end of the audio at position ``end`` leads to, and all that waited.

        Args:
            cut: Why it ends.
            end: Position after the last sample.
            resume: Where audio may go on; right there by default.
        """
        events = self._early.pop_all()
        while self._is_warm:
            audio = self._recent.between(self._cursor, self._recent.end)
            self._cursor = self._recent.end
            heard = self._feed(audio, is_last=True)
            events.extend(heard)
            is_whole = not any(isinstance(event, NewOrigin) for event in heard)
            if is_whole or self._cursor >= self._recent.end:
                break
            self._warm_up_front_end()
        end_ms = to_ms(end, self._rate_hz)
        origin_ms = to_ms(end if resume is None else resume, self._rate_hz)
        closing, new_origin = self.segmenter.close(cut, at_ms=end_ms, origin_ms=origin_ms)
        closed = self._with_context(closing)
        self._wait_for(new_origin.point)
        if resume is not None:
            self._recent = RecentAudio(self._cursor - self._warm_up)
        return [*events, *closed, new_origin]

    def _feed(self, audio: FloatArray, *, is_last: bool) -> list[SegmenterEvent]:
        frames = self._front_end.insert(audio)
        if is_last:
            frames.extend(self._front_end.flush())
        events: list[SegmenterEvent] = []
        for frame in frames:
            found = self.segmenter.feed(frame, self._front_end.pre_roll)
            events.extend(self._with_context(found))
            if events and isinstance(events[-1], NewOrigin):
                self._wait_for(events[-1].point)
                break
        return events

    def _with_context(self, events: list[SegmenterEvent]) -> list[SegmenterEvent]:
        """Return the events, with the audio of the segments that a segment is decoded with."""
        return [self._in_passage(e) if isinstance(e, Segment) else e for e in events]

    def _in_passage(self, segment: Segment) -> Segment:
        if not segment.passage:
            return segment
        return replace(segment, context=self._recent.joined(segment.passage, self._rate_hz))

    def _wait_for(self, point: SegmenterPoint) -> None:
        self._cursor = to_position(point.origin_ms, self._rate_hz)
        self._is_warm = False

    def _warm_up_front_end(self) -> None:
        self._front_end.rebuild(self._recent.between(self._cursor - self._warm_up, self._cursor))
        self._is_warm = True

    def _forget(self) -> None:
        needed = to_position(self.segmenter.needed_from_ms, self._rate_hz)
        self._recent.forget(needed - self._warm_up)


class EarlyEvents:
    """Events of a channel that lie behind what was heard of it.

    After a cut behind the end of the audio, a stretch is heard again. Its events belong to the end
    of that stretch, also for a fresh worker, which hears it chunk by chunk: so both find the same
    facts of the call in force.
    """

    def __init__(self) -> None:
        self._events: deque[SegmenterEvent] = deque()

    def due(self, events: list[SegmenterEvent], heard_ms: int) -> list[SegmenterEvent]:
        """Return the events up to ``heard_ms``, in their order; those after it wait."""
        waiting = self._events
        if not events and not waiting:
            return events
        waiting.extend(events)
        due: list[SegmenterEvent] = []
        while waiting and waiting[0].at_ms <= heard_ms:
            due.append(waiting.popleft())
        return due

    def pop_all(self) -> list[SegmenterEvent]:
        """Return all events that wait; none waits any more."""
        events = list(self._events)
        self._events.clear()
        return events
