"""One call of `transcribe`: audio in; speech activity, partials and finals out.

A chunk passes through the folders in their order, each once:

* ``input``: `CallInput.insert` puts it in order among the chunks of the call;
* ``segmenter``: `CallChannels.insert` feeds it to front end and VAD of each channel, which cut it
  into segments and speech activity;
* ``recognition``: `CallRequests.ask` makes requests for segments that ended or go on;
* ``lane``: `TranscriptLane` merges the channels by the audio clock, and waits for the finals.

Then `CallProgress` acknowledges the inputs that no channel needs any more: those before the audio
from which its front end would be rebuilt. Where the audio stops (a stall, the end, another layout),
the channels are closed and discarded, and all input before that is done.
"""

from collections.abc import Iterable

import msgspec

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd
from schemas.audio import AudioChunk, AudioTopicMessage, CallEnded, CallStalled, CallStarted
from schemas.codec import from_state
from schemas.operations import Checkpoint
from schemas.transcripts import ChannelHealth
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall, is_lost_audio
from stream_app.calls.transcribe.crosstalk.crosstalk import Crosstalk
from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.call_input import CallInput
from stream_app.calls.transcribe.input.chunk_audio import check_layout, checked_duration
from stream_app.calls.transcribe.input.ordered_chunks import OrderedChunks, SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import to_ms
from stream_app.calls.transcribe.lane.transcript_lane import TranscriptLane
from stream_app.calls.transcribe.lane.transcript_messages import call_summary, transcribed_message
from stream_app.calls.transcribe.levels.call_levels import CallLevels
from stream_app.calls.transcribe.levels.health import channel_health
from stream_app.calls.transcribe.notices import (
    clock_ahead,
    equal_channels,
    unhealthy_channels,
    without_start,
)
from stream_app.calls.transcribe.progress import CallProgress
from stream_app.calls.transcribe.recognition.call_requests import CallRequests, PartialConfig
from stream_app.calls.transcribe.recognition.requests import (
    RecognitionRequest,
    RecognitionResult,
    crosstalk_recognition,
)
from stream_app.calls.transcribe.segmenter.call_channels import CallChannels
from stream_app.calls.transcribe.segmenter.lookahead import upcoming_audio
from stream_app.calls.transcribe.segmenter.segments import Cut, Segment, SegmenterEvent
from stream_app.calls.transcribe.stated_language import StatedLanguage
from stream_app.calls.transcribe.transcriber_state import AGENT, TranscriberConfig, TranscriberState


class CallTranscriber:
    """State machine of one call in `transcribe`; see `call_machine.CallMachine`.

    Args:
        call_id: Of the call.
        config: Shared by all calls.
        state: Where to go on; None for a call that was not seen before.

    Attributes:
        ended: Where the call ended, None while it goes on.
        counters: Of what was set aside.
    """

    def __init__(
        self, call_id: str, config: TranscriberConfig, state: TranscriberState | None = None
    ) -> None:
        self.call_id = call_id
        self.ended: EndedCall | None = None
        self.counters = CallCounters()
        self._input = CallInput(state.input if state else None, self.counters)
        levels = CallLevels(state.levels if state else ())
        self._crosstalk = Crosstalk(self.counters, state.crosstalk if state else None)
        self._channels = CallChannels(config.front_end, config.segments, levels, self._crosstalk)
        captures = self._channels.captures
        partials = PartialConfig(config.policy, config.partial_interval_ms, config.is_deterministic)
        self._requests = CallRequests(call_id, partials, captures)
        resumes = state.channels if state else ()
        self._lane = TranscriptLane(call_id, config.numbers, captures, resumes)
        model = state.model if state else config.model
        self._progress = CallProgress(call_id, self._input, self._lane, self._channels, model)
        self._languages = StatedLanguage(config)

    @classmethod
    def restore(cls, checkpoint: Checkpoint, config: TranscriberConfig) -> "CallTranscriber":
        """Return the machine that goes on from a checkpoint; that of a closed call takes nothing.

        Raises:
            MalformedMessageError: The checkpoint's state does not belong to this agent.
        """
        if not checkpoint.is_closed:
            return cls(checkpoint.call_id, config, from_state(checkpoint.state, TranscriberState))
        call = cls(checkpoint.call_id, config)
        call.ended = EndedCall.from_state(checkpoint.state)
        return call

    @property
    def is_closed(self) -> bool:
        """Return whether the call has ended and all its effects have been returned."""
        return self.ended is not None and self._lane.is_empty

    @property
    def last_seq(self) -> int:
        """Return the number of the last chunk that was taken in, -1 before any."""
        return self._input.order.last_seq

    @property
    def chunks_taken(self) -> int:
        """Return how many chunks were taken in since it was created or restored."""
        return self._input.chunks_taken

    @property
    def is_on_hold(self) -> bool:
        """Return whether a CallHeld has no later CallResumed."""
        return self._input.facts.is_on_hold

    @property
    def is_stalled(self) -> bool:
        """Return whether nothing is open that a stall would close: none since its last chunk."""
        return not self._channels and not self._input.has_waiting

    def upcoming_audio(
        self, message: AudioTopicMessage
    ) -> Iterable[tuple[ChannelFrontEnd, FloatArray]]:
        """Return what feeding the message will insert into which front ends, as far as known."""
        if not isinstance(message, AudioChunk) or not self._channels or self.ended:
            return ()
        return upcoming_audio(message, self._input, self._channels)

    def feed(self, message: AudioTopicMessage, offset: int) -> list[Effect]:
        """Return the effects of a message of the audio topic.

        Raises:
            AudioFormatError: Audio that cannot be processed; nothing has changed.
            MalformedMessageError: A fact too many; nothing has changed.
        """
        if self.ended is not None:
            return self._take_late(self.ended, message, offset)
        if self._input.is_done(offset):
            self.counters.read_again += 1
            return [Commit((offset,))]
        if isinstance(message, AudioChunk):
            effects = self._feed_chunk(message, offset)
        elif isinstance(message, CallStarted):
            effects = self._feed_start(message, offset)
        elif isinstance(message, CallStalled):
            effects = self._feed_stall(message, offset)
        elif isinstance(message, CallEnded):
            effects = self._feed_end(message, offset)
        else:
            effects = self._take_facts(self._input.facts.with_control(message), offset)
        return effects + self._lane.release()

    def resolve(self, result: RecognitionResult) -> list[Effect]:
        """Return the effects of what the recognizer made of a request."""
        result = self._languages.labelled(result)
        request = result.request
        if request.is_final:
            self._take_final(result)
            return self._lane.release()
        if result.guard:
            self.counters.note_guard(result.guard, is_final=False)
        open_start_ms = self._channels.open_start_ms(request.channel)
        is_late = open_start_ms != request.start_ms
        is_outdated = is_late and not (request.is_kept or request.is_early)
        self.counters.outdated_partials += is_outdated
        return self._lane.fill_partial(result, self._requests.update(result, open_start_ms))

    # A chunk, from folder to folder

    def _feed_chunk(self, chunk: AudioChunk, offset: int) -> list[Effect]:
        layout = self._input.layout_with(chunk)
        samples = checked_duration(chunk, channels=layout[0], rate_hz=layout[1])
        if self._input.is_waiting(offset):
            self._input.put_back(chunk, offset, samples=samples)
            return []
        self._input.check_length(chunk, samples=samples, rate_hz=layout[1])
        effects: list[Effect] = []
        facts = self._input.facts
        if not facts.parties:
            self.counters.calls_without_start += 1
            effects.append(without_start())
        if layout != facts.layout:
            effects += self._change_layout(facts.with_audio(*layout), offset)
            self._progress.acknowledge_all(before=offset)
        was_ahead = self._input.order.ahead
        ordered = self._input.insert(chunk, offset, samples=samples)
        if self._input.order.ahead and not was_ahead:
            effects.append(clock_ahead(chunk, self._input.order.clock))
        effects += self._hear_all(ordered)
        if not ordered.is_taken:
            self._lane.push(Commit((offset,)))
        return effects

    def _hear_all(self, ordered: OrderedChunks) -> list[Effect]:
        for refusal in ordered.refused:
            self._lane.push(refusal)
        effects: list[Effect] = []
        for sequenced in ordered.released:
            effects += self._hear(sequenced)
        return effects

    def _hear(self, sequenced: SequencedChunk) -> list[Effect]:
        effects: list[Effect] = []
        if not self._channels:
            channels, rate_hz = self._input.facts.layout
            self._channels.open(self._lane.open(channels), rate_hz)
        if sequenced.is_after_jump:
            effects += self._jump(sequenced)
        equal = self.counters.equal_channels
        for channel, events in self._channels.insert(sequenced):
            effects += self._pass_on(channel, events)
        if self.counters.equal_channels > equal:
            effects.append(equal_channels())
        self._lane.advance(self._channels.heard_ms)
        self._progress.acknowledge()
        return effects

    def _pass_on(self, channel: int, events: list[SegmenterEvent]) -> list[Effect]:
        """Return the requests to the recognizer for what a channel led to; the lane takes it in."""
        facts = self._input.facts
        requests = self._requests.ask(channel, self._channels[channel], events, facts)
        if not events and not requests:
            return []
        self._lane.add(channel, events, requests, facts.parties[channel])
        copied = {
            event.start_ms for event in events if isinstance(event, Segment) and event.is_copied
        }
        asked: list[Effect] = []
        for request in requests:
            known = self._requests.foreseen(request) if request.is_final else None
            if request.is_final and request.start_ms in copied:
                self._take_final(crosstalk_recognition(request, self._progress.model))
            elif known is not None:
                self.counters.early_finals += 1
                self._take_final(known)
            else:
                asked.append(_infer(request))
        return asked

    def _take_final(self, result: RecognitionResult) -> None:
        if result.guard:
            self.counters.note_guard(result.guard, is_final=True)
        self._lane.fill_final(result)

    # Where the audio stops

    def _jump(self, sequenced: SequencedChunk) -> list[Effect]:
        """Close the channels whose audio goes on behind a gap that is not filled."""
        end, resume, channel = sequenced.audio_end, sequenced.start, sequenced.channel
        if channel is None:
            return self._close_channels("gap", end, resume)
        effects: list[Effect] = []
        for number, events in self._channels.close("gap", end, resume, channel=channel):
            effects += self._pass_on(number, events)
        return effects

    def _close_channels(self, cut: Cut, end: int, resume: int | None = None) -> list[Effect]:
        effects: list[Effect] = []
        for channel, events in self._channels.close(cut, end, resume):
            effects += self._pass_on(channel, events)
        self._lane.advance()
        return effects

    def _stop_audio(self, cut: Cut) -> list[Effect]:
        """Hear the chunks that wait, close the channels and discard them."""
        effects = self._hear_all(self._input.flush())
        effects += self._close_channels(cut, self._input.order.clock)
        self._channels.discard()
        return effects

    def _change_layout(self, facts: CallFacts, offset: int) -> list[Effect]:
        """Go on with the channels and the sample rate of other facts, at the present clock."""
        self._input.take(offset)
        effects = self._stop_audio("gap")
        self._input.change_layout(facts)
        clock_ms = to_ms(self._input.order.clock, facts.sample_rate_hz)
        self.counters.layout_changes += self._lane.move_to(clock_ms, len(facts.parties))
        return effects

    # Control messages

    def _feed_start(self, message: CallStarted, offset: int) -> list[Effect]:
        check_layout(rate_hz=message.sample_rate_hz, channels=len(message.parties))
        is_first = not self._input.facts.is_started
        told = self._languages.tell(message, self.counters) if is_first else []
        facts = self._input.facts.with_start(message)
        if facts.layout == self._input.facts.layout:
            return told + self._take_facts(facts, offset)
        effects = self._change_layout(facts, offset)
        self._progress.acknowledge_all()
        return told + effects

    def _take_facts(self, facts: CallFacts, offset: int) -> list[Effect]:
        self._input.take(offset)
        self._input.facts = facts
        self._progress.acknowledge()
        return []

    def _feed_stall(self, message: CallStalled, offset: int) -> list[Effect]:
        if message.after_seq != self.last_seq:
            return self._pass_void_marker(offset)
        self._input.take(offset)
        effects = self._stop_audio("stall")
        self._progress.acknowledge_all()
        return effects

    def _feed_end(self, message: CallEnded, offset: int) -> list[Effect]:
        if message.reason == "stale" and message.after_seq != self.last_seq:
            return self._pass_void_marker(offset)
        self._input.take(offset)
        effects = self._stop_audio("end")
        health = self._channel_health()
        effects += unhealthy_channels(health, self.counters)
        summary = call_summary(
            self._input.facts,
            self._input.order,
            end_reason=message.reason,
            lane_seqs=tuple(resume.lane_seq for resume in self._lane.resumes),
            model=self._progress.model,
        )
        summary = self._languages.noted(summary)
        if any(each.faults for each in health):
            summary = msgspec.structs.replace(summary, health=health)
        copied_ms = self._crosstalk.copied_ms
        if any(copied_ms):
            summary = msgspec.structs.replace(summary, crosstalk_ms=copied_ms)
        self._lane.push(Emit(transcribed_message(message, summary)))
        self.ended = EndedCall(offset)
        self._progress.acknowledge_all(ended=self.ended)
        return effects

    def _channel_health(self) -> tuple[ChannelHealth, ...]:
        points = self._channels.levels.points[: len(self._input.facts.parties)]
        return tuple(channel_health(point) for point in points)

    def _pass_void_marker(self, offset: int) -> list[Effect]:
        self.counters.void_markers += 1
        return self._take_facts(self._input.facts, offset)

    def _take_late(self, ended: EndedCall, message: AudioTopicMessage, offset: int) -> list[Effect]:
        is_refused = is_lost_audio(message)
        if offset <= ended.end_offset:
            self.counters.read_again += 1
        elif not is_refused:
            self.counters.late_events += 1
        for effect in ended.take(message, offset, agent=AGENT, is_refused=is_refused):
            self._lane.push(effect)
        return self._lane.release()


def _infer(request: RecognitionRequest) -> Infer:
    return Infer(
        request,
        is_urgent=request.is_final,
        is_kept=request.is_kept,
        is_early=request.is_early,
        is_first=request.is_first,
    )
