"""Segments and speech activity of a channel, cut by its audio alone.

A segment ends at a pause, or, before it grows too long, at its quietest recent frame. A segment
that reaches its limit in a silence that is not yet a pause ends there. Segments that lie close
together make a passage. At every end of a segment or passage, and from time to time in silence, the
front end is rebuilt from the audio before a new origin; the state that crosses an origin is a
`SegmenterPoint`, small enough for a checkpoint, so that a fresh worker continues exactly as the old
one did.
"""

from typing import Literal

import numpy as np

from models.audio.samples import FloatArray
from models.vad.front_end import WARM_UP_FRAMES, Frame
from models.vad.silero import FRAME_MS
from stream_app.calls.transcribe.segmenter.segment_audio import CONTEXT_FRAMES, SegmentAudio
from stream_app.calls.transcribe.segmenter.segments import (
    NEVER_MS,
    Activity,
    Cut,
    IsCopied,
    NewOrigin,
    Segment,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
    Span,
    is_passage_over,
    passage_before,
)
from stream_app.calls.transcribe.segmenter.speech_gate import SpeechGate

ACTIVITY_INTERVAL_MS = 200  # counted from the edge before, as the silences are that end a turn


class Segmenter:
    """Cuts the frames of one channel into segments.

    Args:
        config: Durations and thresholds.
        point: Where to begin.
        is_copied: Tells crosstalk, which is no part of a passage.
    """

    def __init__(
        self,
        config: SegmentConfig,
        point: SegmenterPoint,
        is_copied: IsCopied = lambda *_: False,
    ) -> None:
        self._config = config
        self._is_copied = is_copied
        self._begin(point)

    @property
    def open_start_ms(self) -> int | None:
        """Return where the open segment begins, None without one."""
        return None if self._open_index is None else self._time_ms(self._open_index)

    @property
    def heard_ms(self) -> int:
        """Return the audio clock up to which frames have come."""
        return self._time_ms(self._next_index)

    @property
    def origin_ms(self) -> int:
        """Return where the front end's present frames begin to count."""
        return self._point.origin_ms

    @property
    def reported_ms(self) -> int:
        """Return the audio clock up to which everything was said before the present origin."""
        return self._point.active_from_ms

    @property
    def needed_from_ms(self) -> int:
        """Return the audio clock from which source audio may still be asked for."""
        recent_ms = self.heard_ms - self._config.cut_window_ms
        if not self._config.passage_ms:
            return recent_ms
        open_ms = recent_ms if self.open_start_ms is None else self.open_start_ms
        return min([recent_ms, open_ms, *(span.start_ms for span in self._passage[:1])])

    @property
    def foreseen_end_ms(self) -> int | None:
        """Return where the audio of the open segment ends if the silence goes on; None in speech.

        It is known once all of that audio has come, and a frame behind it, for the filter that
        converts it.
        """
        if self._open_index is None or not self._has_speech or not self._gate.is_silence:
            return None
        surplus = self._surplus_frames(self.heard_ms)
        return self._time_ms(self._next_index - surplus) if surplus >= CONTEXT_FRAMES else None

    def foreseen(self) -> Segment | None:
        """Return the open segment as a pause will end it, unless speech goes on before.

        None where `foreseen_end_ms` is, and of crosstalk.
        """
        if self.foreseen_end_ms is None:
            return None
        last = self._next_index - self._surplus_frames(self.heard_ms)
        segment = self._segment("pause", self.heard_ms, last)
        return None if segment is None or segment.is_copied else segment

    def open_samples(self) -> FloatArray:
        """Return the audio of the open segment so far, shape (n_samples,).

        Raises:
            ValueError: No segment is open; see `open_start_ms`.
        """
        if self._open_index is None:
            raise ValueError("no segment is open")
        return self._audio.samples(self._open_index, self._next_index)

    def feed(self, frame: Frame, pre_roll: FloatArray) -> list[SegmenterEvent]:
        """Return what a frame leads to; the frames after a `NewOrigin` are void.

        Args:
            frame: The next one of the front end.
            pre_roll: Audio before the origin, 16 frames long; used with frame 0.
        """
        if frame.index == 0:
            self._audio = SegmentAudio(list(pre_roll.reshape(-1, len(frame.samples))))
        end_ms = self._time_ms(frame.index + 1)
        events: list[SegmenterEvent] = self._tick(end_ms)
        self._append(frame)
        self._gate.update(frame.probability, end_ms)
        self._open_at_onset(frame.index)
        self._has_speech |= self._gate.is_speech and self._gate.last_speech_ms == end_ms
        events.extend(self._edge(end_ms))
        events.extend(self._cut(end_ms, max(end_ms, self._point.active_from_ms)))
        return events

    def close(
        self, cut: Cut, *, at_ms: int, origin_ms: int
    ) -> tuple[list[SegmenterEvent], NewOrigin]:
        """Return what the end of the audio, or of a stretch of it, leads to, and the new origin.

        Args:
            cut: Why.
            at_ms: Audio clock at the end.
            origin_ms: Where the audio may go on.
        """
        at_ms = max(at_ms, self.heard_ms)  # the last frame was filled up with silence
        events: list[SegmenterEvent] = self._finish_segment(cut, at_ms, self._next_index)
        was_active = self._is_active(at_ms)
        last_speech_ms = min(self._gate.last_speech_ms, at_ms)
        if was_active and cut != "end":
            silence_ms = at_ms - last_speech_ms
            events.append(Activity("stall", at_ms, False, silence_ms, last_speech_ms))
        point = SegmenterPoint(
            origin_ms=origin_ms,
            last_speech_ms=NEVER_MS,
            active_from_ms=at_ms,
            since_ms=at_ms,
            is_fresh=True,
        )
        self._begin(point)
        return events, NewOrigin(at_ms, point)

    def _begin(self, point: SegmenterPoint) -> None:
        self._point = point
        self._audio = SegmentAudio([])
        self._next_index = 0
        self._open_index: int | None = 0 if point.is_open else None
        self._has_speech = False
        self._passage = point.passage
        self._is_reported_speech = point.is_reported_speech
        self._gate = SpeechGate(
            self._config.gate,
            is_speech=point.is_open,
            last_speech_ms=point.last_speech_ms,
            since_ms=point.since_ms,
        )

    def _time_ms(self, index: int) -> int:
        return self._point.origin_ms + index * FRAME_MS

    def _append(self, frame: Frame) -> None:
        self._audio.append(frame.samples)
        self._next_index = frame.index + 1
        if self._open_index is None:
            self._audio.keep_last(WARM_UP_FRAMES)

    def _open_at_onset(self, index: int) -> None:
        if self._open_index is None and self._gate.is_speech:
            frames_back = (self._config.gate.onset_ms + self._config.pre_roll_ms) // FRAME_MS
            self._open_index = max(index + 1 - frames_back, self._first_index())
            self._has_speech = True

    def _first_index(self) -> int:
        """Return the first frame that a new segment may begin with: behind the last speech."""
        if self._point.is_fresh:
            return 0
        origin_ms, last_speech_ms = self._point.origin_ms, self._point.last_speech_ms
        frames_before = min(WARM_UP_FRAMES, origin_ms // FRAME_MS)  # none before the call
        return max(-frames_before, -((origin_ms - max(last_speech_ms, 0)) // FRAME_MS))

    def _is_active(self, at_ms: int) -> bool:
        gate = self._gate
        if gate.is_speech or self._is_reported_speech:
            return True
        is_recent = at_ms - gate.last_speech_ms <= self._config.activity_tail_ms
        return gate.last_speech_ms != NEVER_MS and is_recent

    def _tick(self, end_ms: int) -> list[SegmenterEvent]:
        gate = self._gate
        since_ms = gate.since_ms if self._is_reported_speech else gate.last_speech_ms
        at_ms = end_ms - (end_ms - since_ms) % ACTIVITY_INTERVAL_MS
        is_due = at_ms > max(end_ms - FRAME_MS, self._point.active_from_ms)
        if not is_due or not self._is_active(at_ms):
            return []
        return [self._activity("tick", at_ms, is_speech=self._is_reported_speech)]

    def _edge(self, end_ms: int) -> list[SegmenterEvent]:
        is_speech = self._gate.is_speech
        if is_speech == self._is_reported_speech or end_ms <= self._point.active_from_ms:
            return []
        self._is_reported_speech = is_speech
        return [self._activity("start" if is_speech else "end", end_ms, is_speech=is_speech)]

    def _activity(
        self, kind: Literal["start", "end", "tick"], at_ms: int, *, is_speech: bool
    ) -> Activity:
        silence_ms = 0 if is_speech else at_ms - self._gate.last_speech_ms
        since_ms = self._gate.since_ms if is_speech else self._gate.last_speech_ms
        return Activity(kind, at_ms, is_speech, silence_ms, since_ms)

    def _cut(self, end_ms: int, at_ms: int) -> list[SegmenterEvent]:
        config = self._config
        silence_ms = end_ms - self._gate.last_speech_ms
        if self._open_index is None:
            is_due = end_ms - self._point.origin_ms >= config.rebuild_silence_ms or is_passage_over(
                self._passage, end_ms, config
            )
            return self._restart(end_ms, at_ms) if is_due and self._gate.is_silence else []
        if self._gate.is_silence and silence_ms >= config.pause_ms:
            return self._end_in_silence(end_ms, at_ms)
        if end_ms - self._time_ms(self._open_index) < config.max_segment_ms:
            return []
        if self._gate.is_speech:
            return self._cut_at_limit(at_ms)
        return self._end_in_silence(end_ms, at_ms) if self._gate.is_silence else []

    def _end_in_silence(self, end_ms: int, at_ms: int) -> list[SegmenterEvent]:
        """End the segment behind its speech; the front end starts anew at ``end_ms``."""
        last = self._next_index - self._surplus_frames(end_ms)
        return self._finish_segment("pause", at_ms, last) + self._restart(end_ms, at_ms)

    def _surplus_frames(self, end_ms: int) -> int:
        """Return how many frames up to ``end_ms`` lie behind the audio that a pause leaves."""
        silence_ms = end_ms - self._gate.last_speech_ms
        return max(0, silence_ms - self._config.post_roll_ms) // FRAME_MS

    def _restart(self, end_ms: int, at_ms: int) -> list[SegmenterEvent]:
        is_over = is_passage_over(self._passage, end_ms, self._config)
        point = SegmenterPoint(
            origin_ms=end_ms,
            is_reported_speech=self._is_reported_speech,
            active_from_ms=at_ms,
            last_speech_ms=self._gate.last_speech_ms,
            since_ms=self._gate.since_ms,
            passage=() if is_over else self._passage,
        )
        self._begin(point)
        return [NewOrigin(at_ms, point)]

    def _cut_at_limit(self, at_ms: int) -> list[SegmenterEvent]:
        start = max(self._next_index - self._config.cut_window_ms // FRAME_MS, 0)
        cut_index = start + int(np.argmin(self._audio.levels(start))) + 1
        events = self._finish_segment("limit", at_ms, cut_index)
        cut_ms = self._time_ms(cut_index)
        point = SegmenterPoint(
            origin_ms=cut_ms,
            is_open=True,
            is_reported_speech=self._is_reported_speech,
            active_from_ms=at_ms,
            last_speech_ms=cut_ms,
            since_ms=self._gate.since_ms,
            passage=self._passage,
        )
        self._begin(point)
        return [*events, NewOrigin(at_ms, point)]

    def _finish_segment(self, cut: Cut, at_ms: int, end_index: int) -> list[SegmenterEvent]:
        segment = self._segment(cut, at_ms, end_index)
        if segment is None:
            return []
        if not segment.is_copied:
            span = Span(segment.start_ms, self._time_ms(end_index))
            self._passage = (*segment.passage, span) if self._config.passage_ms else ()
        return [segment]

    def _segment(self, cut: Cut, at_ms: int, end_index: int) -> Segment | None:
        """Return the open segment as it ends at a frame; None where nothing was said."""
        if self._open_index is None or not self._has_speech:
            return None
        start_ms = self._time_ms(self._open_index)
        end_ms = self._time_ms(end_index) if cut == "limit" else self._gate.last_speech_ms
        samples = self._audio.samples(self._open_index, end_index)
        span = Span(start_ms, self._time_ms(end_index))
        is_copied = self._is_copied(span.start_ms, span.end_ms, at_ms)
        passage = () if is_copied else passage_before(span, self._passage, self._config)
        return Segment(
            start_ms, min(end_ms, at_ms), at_ms, cut, samples, passage, is_copied=is_copied
        )
