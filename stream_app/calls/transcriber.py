"""One call of `transcribe`: audio in; speech activity, partials and finals out.

A chunk passes `feed` -> `CallInput` (order, gaps, facts) -> `Channel` (resampler, VAD, segments)
-> `ChannelMerge` (audio-clock order) -> `OrderedEffects` (finals in place). An input is
acknowledged when every channel's front end would be rebuilt from later audio: at a
`segmenter.Rebuild`, together with the checkpoint from which a fresh worker goes on. Where the
audio stops (a stall, another layout) the channels are let go of, and all input before it is done.
"""

from collections.abc import Iterable

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd
from schemas.audio import (
    AudioChunk,
    AudioTopicMessage,
    CallEnded,
    CallStalled,
    CallStarted,
)
from schemas.codec import from_state
from schemas.operations import Checkpoint
from stream_app.calls.call_channels import CallChannels
from stream_app.calls.call_facts import CallFacts
from stream_app.calls.call_input import CallInput
from stream_app.calls.chunk_audio import channel_audio, check_layout, checked_duration
from stream_app.calls.counters import InputCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall, is_lost_audio
from stream_app.calls.identifiers import segment_id
from stream_app.calls.lane import LaneEvent, OrderedEffects, PartialPlace, PartyActivity
from stream_app.calls.lookahead import upcoming_audio
from stream_app.calls.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.segmenter import Activity, Cut, Segment, SegmenterEvent
from stream_app.calls.sequencer import SequencedChunk, Sequencing, to_ms
from stream_app.calls.transcriber_state import ChannelResume, TranscriberConfig, TranscriberState
from stream_app.calls.transcript_messages import (
    activity_message,
    call_summary,
    final_message,
    partial_message,
    transcribed_message,
)

AGENT = "transcribe"


class CallTranscriber:
    """State machine of one call in `transcribe`; see `effects.CallMachine`.

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
        self.counters = InputCounters()
        self._config = config
        self._input = CallInput(state.input if state else None, self.counters)
        self._channels = CallChannels(config, state.channels if state else ())
        self._model = state.model if state else config.model
        self._queue = OrderedEffects()
        self._waiting: dict[str, tuple[int, Segment]] = {}
        self._results: dict[str, RecognitionResult] = {}

    @classmethod
    def restore(cls, checkpoint: Checkpoint, config: TranscriberConfig) -> "CallTranscriber":
        """Return the machine that goes on from a checkpoint; that of a closed call takes nothing.

        Raises:
            MalformedMessageError: The checkpoint's state is not one of this agent.
        """
        if not checkpoint.is_closed:
            return cls(checkpoint.call_id, config, from_state(checkpoint.state, TranscriberState))
        call = cls(checkpoint.call_id, config)
        call.ended = EndedCall.from_state(checkpoint.state)
        return call

    @property
    def is_closed(self) -> bool:
        """Return whether the call has ended and all its effects have been returned."""
        return self.ended is not None and not self._queue

    @property
    def last_seq(self) -> int:
        """Return the number of the last chunk that was taken in, -1 before any."""
        return self._input.point.last_seq

    @property
    def chunks_taken(self) -> int:
        """Return how many chunks were taken in since it was created or restored."""
        return self._input.chunks_taken

    @property
    def is_on_hold(self) -> bool:
        """Return whether a CallHeld stands without a later CallResumed."""
        return self._facts.is_on_hold

    @property
    def is_stalled(self) -> bool:
        """Return whether nothing is open that a stall would close: none since its last chunk."""
        return not self._channels and not self._input.has_waiting

    @property
    def late_events(self) -> int:
        """Return how many markers came too late, and messages after the end."""
        return self.counters.late_events + (self.ended.dropped if self.ended else 0)

    @property
    def _facts(self) -> CallFacts:
        return self._input.facts

    def upcoming_audio(
        self, message: AudioTopicMessage
    ) -> Iterable[tuple[ChannelFrontEnd, FloatArray]]:
        """Return what feeding the message will insert into which front ends, as far as known."""
        if not isinstance(message, AudioChunk) or not self._channels or self.ended:
            return ()
        return upcoming_audio(message, self._input, [c.pipeline for c in self._channels])

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
            effects = self._take_facts(self._facts.with_control(message), offset)
        return effects + self._queue.release()

    def resolve(self, result: RecognitionResult) -> list[Effect]:
        """Return the effects of what the recognizer made of a request."""
        if not result.request.is_final:
            return self._resolve_partial(result)
        self._results[result.request.segment_id] = result
        self._fill_final(result.request.segment_id)
        return self._queue.release()

    # Audio

    def _feed_chunk(self, chunk: AudioChunk, offset: int) -> list[Effect]:
        facts = self._facts
        layout = facts.layout if facts.is_started else (len(chunk.payloads), chunk.sample_rate_hz)
        samples = checked_duration(chunk, channels=layout[0], rate_hz=layout[1])
        if self._input.is_waiting(offset):
            self._input.put_back(chunk, offset, samples=samples)
            return []
        effects: list[Effect] = []
        if layout != facts.layout:
            effects += self._change_layout(facts.with_audio(*layout), offset)
            self._commit(self._input.release_all(before=offset))
        sequencing = self._input.insert(chunk, offset, samples=samples)
        effects += self._process(sequencing)
        if not sequencing.is_taken:
            self._queue.push(Commit((offset,)))
        return effects

    def _process(self, sequencing: Sequencing) -> list[Effect]:
        for refusal in sequencing.refused:
            self._queue.push(refusal)
        effects: list[Effect] = []
        for sequenced in sequencing.released:
            if not self._channels:
                self._channels.open(*self._facts.layout)
            if sequenced.is_after_jump:
                effects += self._close_channels("gap", sequenced.audio_end, sequenced.start)
            self._input.note_capture(sequenced)
            effects += self._insert(sequenced)
            self._queue_merged(self._channels.heard_ms)
        return effects

    def _insert(self, sequenced: SequencedChunk) -> list[Effect]:
        effects: list[Effect] = []
        for number, channel in enumerate(self._channels):
            audio = channel_audio(
                sequenced.chunk, number, sequenced.samples, silence=sequenced.silence
            )
            events = channel.pipeline.insert(sequenced.end - len(audio), audio)
            effects += self._take_in(number, channel.due(events))
            effects += self._ask_partial(number)
        return effects

    def _take_in(self, number: int, events: Iterable[SegmenterEvent]) -> list[Effect]:
        """Ask for the finals of finished segments at once, and queue all for their turn."""
        effects: list[Effect] = []
        for event in events:
            if isinstance(event, Segment):
                audio = (event.start_ms, event.samples, event.end_ms)
                effects.append(Infer(self._request(number, *audio, is_final=True), is_urgent=True))
            if isinstance(event, Activity):
                self._channels.merge.push(number, PartyActivity(event, self._facts.parties[number]))
            else:
                self._channels.merge.push(number, event)
        return effects

    def _close_channels(self, cut: Cut, end: int, resume: int | None = None) -> list[Effect]:
        effects: list[Effect] = []
        for number, events in self._channels.close(cut, end, resume):
            effects += self._take_in(number, events)
        self._queue_merged()
        return effects

    def _let_go(self, cut: Cut) -> list[Effect]:
        """Give what waits its place, close the channels and forget their audio."""
        effects = self._process(self._input.flush())
        effects += self._close_channels(cut, self._input.point.clock)
        self._channels.let_go()
        return effects

    def _change_layout(self, facts: CallFacts, offset: int) -> list[Effect]:
        """Go on with the channels and the sample rate of other facts, at the present clock."""
        self._input.take(offset)
        effects = self._let_go("gap")
        self._input.change_layout(facts)
        clock_ms = to_ms(self._input.point.clock, facts.sample_rate_hz)
        self.counters.layout_changes += self._channels.move_to(clock_ms, len(facts.parties))
        return effects

    # Order

    def _queue_merged(self, heard_ms: int | None = None) -> None:
        """Queue what is complete up to ``heard_ms``; all of it where the channels were closed."""
        for number, event in self._channels.merge.pop(heard_ms):
            self._queue_event(number, event)
        if heard_ms is not None:  # a channel closed alone is no place to go on from
            self._release()

    def _queue_event(self, number: int, event: LaneEvent) -> None:
        channel = self._channels[number]
        if isinstance(event, PartyActivity):
            place = (self.call_id, number, event.party, channel.next_lane_seq())
            captured_at_ns = self._input.captured_at_ns(event.at_ms)
            self._queue.push(Emit(activity_message(event.activity, place, captured_at_ns)))
        elif isinstance(event, Segment):
            segment = segment_id(self.call_id, number, event.start_ms)
            self._waiting[segment] = (channel.next_lane_seq(), event)
            self._queue.await_result(segment)
            self._fill_final(segment)
        elif isinstance(event, PartialPlace):
            self._queue.await_result(event.place)
        else:
            channel.resume = ChannelResume(point=event.point, lane_seq=channel.lane_seq)

    def _fill_final(self, segment: str) -> None:
        """Put a final in its place once both the place and the recognizer's result are there."""
        if segment not in self._waiting or segment not in self._results:
            return
        (lane_seq, event), result = self._waiting.pop(segment), self._results.pop(segment)
        message = final_message(result, event, lane_seq, style=self._config.numbers)
        self._queue.resolve(segment, Emit(message))

    # Control messages

    def _feed_start(self, message: CallStarted, offset: int) -> list[Effect]:
        check_layout(rate_hz=message.sample_rate_hz, channels=len(message.parties))
        facts = self._facts.with_start(message)
        if facts.layout == self._facts.layout:
            return self._take_facts(facts, offset)
        effects = self._change_layout(facts, offset)
        self._commit(self._input.release_all())
        return effects

    def _take_facts(self, facts: CallFacts, offset: int) -> list[Effect]:
        self._input.take(offset)
        self._input.facts = facts
        self._release()
        return []

    def _feed_stall(self, message: CallStalled, offset: int) -> list[Effect]:
        if message.after_seq != self.last_seq:
            return self._pass_void_marker(offset)
        self._input.take(offset)
        effects = self._let_go("stall")
        self._commit(self._input.release_all())
        return effects

    def _feed_end(self, message: CallEnded, offset: int) -> list[Effect]:
        if message.reason == "stale" and message.after_seq != self.last_seq:
            return self._pass_void_marker(offset)
        self._input.take(offset)
        effects = self._let_go("end")
        summary = call_summary(
            self._facts,
            self._input.point,
            end_reason=message.reason,
            lane_seqs=tuple(resume.lane_seq for resume in self._channels.resumes),
            model=self._model,
        )
        self._queue.push(Emit(transcribed_message(message, summary)))
        self.ended = EndedCall(offset)
        self._commit(self._input.release_all())
        return effects

    def _pass_void_marker(self, offset: int) -> list[Effect]:
        self.counters.late_events += 1
        return self._take_facts(self._facts, offset)

    def _take_late(self, ended: EndedCall, message: AudioTopicMessage, offset: int) -> list[Effect]:
        is_refused = is_lost_audio(message)
        for effect in ended.take(message, offset, agent=AGENT, is_refused=is_refused):
            self._queue.push(effect)
        return self._queue.release()

    # Acknowledgements and checkpoints

    def _release(self) -> None:
        """Acknowledge the inputs that no channel needs any more."""
        self._commit(self._input.release(self._channels.horizon))

    def _commit(self, offsets: tuple[int, ...]) -> None:
        if offsets:
            self._queue.push(Commit(offsets, self._checkpoint()))

    def _checkpoint(self) -> Checkpoint:
        point, resumes = self._input.resume_point(), self._channels.resumes
        state: dict[str, object] = {"input": point, "channels": resumes, "model": self._model}
        if self.ended is not None:
            state = self.ended.to_state()
        progress_ms = sum(resume.point.origin_ms for resume in resumes)
        return Checkpoint(
            agent=AGENT,
            call_id=self.call_id,
            position=(int(self.ended is not None), point.resume_offset, progress_ms),
            is_closed=self.ended is not None,
            state=state,
        )

    # Partials

    def _ask_partial(self, number: int) -> list[Effect]:
        segmenter = self._channels[number].pipeline.segmenter
        start_ms, heard_ms = segmenter.open_start_ms, segmenter.heard_ms
        if start_ms is None or heard_ms < segmenter.reported_ms:
            return []  # there is nothing new, after a cut or a takeover
        if not self._channels.partials(number).ask(start_ms, heard_ms):
            return []
        samples = segmenter.open_samples()
        request = self._request(number, start_ms, samples, heard_ms, is_final=False)
        if self._config.is_deterministic:
            self._channels.merge.push(number, PartialPlace(heard_ms, request.place))
        return [Infer(request, is_urgent=False, is_kept=self._config.is_deterministic)]

    def _resolve_partial(self, result: RecognitionResult) -> list[Effect]:
        request = result.request
        open_start_ms = self._channels.open_start_ms(request.channel)
        partial = self._channels.partials(request.channel).update(result, open_start_ms)
        message = partial_message(result, partial, style=self._config.numbers)
        if self._config.is_deterministic:
            self._queue.resolve(request.place, Emit(message) if message.words else None)
            return self._queue.release()
        return [Emit(message, is_volatile=True)] if message.words else []

    def _request(
        self, number: int, start_ms: int, samples: FloatArray, spoken_ms: int, *, is_final: bool
    ) -> RecognitionRequest:
        facts = self._facts
        return RecognitionRequest(
            call_id=self.call_id,
            channel=number,
            segment_id=segment_id(self.call_id, number, start_ms),
            samples=samples,
            start_ms=start_ms,
            captured_at_ns=self._input.captured_at_ns(spoken_ms),
            language=facts.context.language,
            hot_words=facts.context.hot_words,
            is_final=is_final,
            draft=() if is_final else self._channels.partials(number).draft,
            is_exact=is_final or self._config.is_deterministic,
            domain=facts.context.domain,
            party=facts.parties[number],
        )
