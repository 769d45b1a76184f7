"""A call's lane: its channels merged by the audio clock, numbered, with finals in their order.

Two things hold a message back. It waits until every channel has been heard up to its time; and it
waits for the finals before it, which take as long as the recognizer takes.
"""

from collections.abc import Iterable

import msgspec

from models.asr.partials.agreement import PartialHypothesis
from models.asr.writing.normalisation import WordStyle
from schemas.base import Party
from stream_app.calls.effects import Effect, Emit
from stream_app.calls.identifiers import segment_id
from stream_app.calls.transcribe.lane.channel_merge import (
    ChannelMerge,
    LaneEvent,
    PartialAsked,
    PartyActivity,
)
from stream_app.calls.transcribe.lane.ordered_effects import OrderedEffects
from stream_app.calls.transcribe.lane.transcript_messages import (
    activity_message,
    final_message,
    partial_message,
)
from stream_app.calls.transcribe.recognition.requests import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.segmenter.capture_times import CaptureTimes
from stream_app.calls.transcribe.segmenter.segments import (
    Activity,
    Segment,
    SegmenterEvent,
    SegmenterPoint,
)


class ChannelResume(msgspec.Struct, frozen=True, kw_only=True):
    """From where a channel goes on, and how many deterministic messages it had led to."""

    point: SegmenterPoint = SegmenterPoint()
    lane_seq: int = 0


class TranscriptLane:
    """The messages of a call, and how far each channel has come in them.

    Args:
        call_id: Of the call.
        style: How words are written.
        captures: When its audio was captured.
        resumes: From where each channel goes on.

    Attributes:
        resumes: Of every channel that the call ever had, as of the last message that was queued;
            those of the present layout come first.
    """

    def __init__(
        self,
        call_id: str,
        style: WordStyle,
        captures: CaptureTimes,
        resumes: Iterable[ChannelResume],
    ) -> None:
        self._call_id = call_id
        self._style = style
        self._captures = captures
        self.resumes = tuple(resumes)
        self._lane_seqs = [resume.lane_seq for resume in self.resumes]
        self._merge = ChannelMerge(0)
        self._effects = OrderedEffects()
        self._segments: dict[str, tuple[int, Segment]] = {}
        self._results: dict[str, RecognitionResult] = {}

    @property
    def is_empty(self) -> bool:
        """Return whether nothing waits for the recognizer, or behind what does."""
        return not self._effects

    def open(self, channels: int) -> list[SegmenterPoint]:
        """Return the points from which the first ``channels`` go on; new channels begin at 0."""
        self._extend(channels)
        self._merge = ChannelMerge(channels)
        return [resume.point for resume in self.resumes[:channels]]

    def add(
        self,
        channel: int,
        events: Iterable[SegmenterEvent],
        requests: Iterable[RecognitionRequest],
        party: Party,
    ) -> None:
        """Take in what a channel led to.

        Args:
            channel: Its number.
            events: Of its audio.
            requests: That were made because of them.
            party: Whose channel it is now.
        """
        for event in events:
            if isinstance(event, Activity):
                self._merge.push(channel, PartyActivity(event, party))
            else:
                self._merge.push(channel, event)
        for request in requests:
            if request.is_kept:
                self._merge.push(channel, PartialAsked(request.end_ms, request.partial_id))

    def advance(self, heard_ms: int | None = None) -> None:
        """Queue what lies within ``heard_ms``; all of it where the channels were closed."""
        for channel, event in self._merge.pop(heard_ms):
            self._queue(channel, event)

    def push(self, effect: Effect) -> None:
        """Queue another effect than a message of a channel: a refusal, a commit, the call's end."""
        self._effects.push(effect)

    def release(self) -> list[Effect]:
        """Return the effects that nothing holds back any more."""
        return self._effects.release()

    # What the recognizer returns

    def fill_final(self, result: RecognitionResult) -> None:
        """Take in the result of a finished segment, before or after its turn."""
        segment = result.request.segment_id
        self._results[segment] = result
        self._fill(segment)

    def fill_partial(self, result: RecognitionResult, partial: PartialHypothesis) -> list[Effect]:
        """Return the message of a partial, if it has words, and what it held back.

        It leaves at once, unless the lane is deterministic with its partials.
        """
        message = partial_message(result, partial, style=self._style)
        if not result.request.is_kept:
            return [Emit(message, is_volatile=True)] if message.words else []
        effect = Emit(message) if message.words else None
        self._effects.resolve(result.request.partial_id, effect)
        return self._effects.release()

    # Another layout

    def move_to(self, clock_ms: int, channels: int) -> bool:
        """Return whether there were channels before; all go on at ``clock_ms``.

        Args:
            clock_ms: Audio clock at which another layout begins.
            channels: How many it has.
        """
        if not self.resumes:
            return False
        active_ms = max(clock_ms, *(resume.point.active_from_ms for resume in self.resumes))
        point = SegmenterPoint(
            origin_ms=clock_ms, active_from_ms=active_ms, since_ms=active_ms, is_fresh=True
        )
        self._extend(channels)
        self.resumes = tuple(
            ChannelResume(point=point, lane_seq=resume.lane_seq) for resume in self.resumes
        )
        return True

    def _extend(self, channels: int) -> None:
        new = channels - len(self.resumes)
        self.resumes += (ChannelResume(),) * new
        self._lane_seqs += [0] * new

    # The next message of a channel

    def _queue(self, channel: int, event: LaneEvent) -> None:
        if isinstance(event, PartyActivity):
            self._queue_activity(channel, event)
        elif isinstance(event, Segment):
            segment = segment_id(self._call_id, channel, event.start_ms)
            self._segments[segment] = (self._next_lane_seq(channel), event)
            self._effects.await_result(segment)
            self._fill(segment)
        elif isinstance(event, PartialAsked):
            self._effects.await_result(event.partial_id)
        else:
            resume = ChannelResume(point=event.point, lane_seq=self._lane_seqs[channel])
            self.resumes = (*self.resumes[:channel], resume, *self.resumes[channel + 1 :])

    def _queue_activity(self, channel: int, event: PartyActivity) -> None:
        source = (self._call_id, channel, event.party, self._next_lane_seq(channel))
        captured_at_ns = self._captures.at(event.at_ms)
        self._effects.push(Emit(activity_message(event.activity, source, captured_at_ns)))

    def _fill(self, segment: str) -> None:
        """Resolve a final once both its turn and the recognizer's result have come."""
        if segment not in self._segments or segment not in self._results:
            return
        (lane_seq, event), result = self._segments.pop(segment), self._results.pop(segment)
        message = final_message(result, event, lane_seq, style=self._style)
        self._effects.resolve(segment, Emit(message))

    def _next_lane_seq(self, channel: int) -> int:
        self._lane_seqs[channel] += 1
        return self._lane_seqs[channel] - 1
