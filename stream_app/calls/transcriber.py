"""One call of `transcribe`: audio in; speech activity, partials and finals out.

A chunk passes `feed` -> `ChunkSequencer` (order, gaps) -> `Channel` (resampler, VAD, segments)
-> `ChannelMerge` (audio-clock order) -> `OrderedEffects` (finals in place). An input is
acknowledged when every channel's front end would be rebuilt from later audio: at a
`segmenter.Rebuild`, together with the checkpoint from which a fresh worker goes on.
"""

from collections.abc import Iterable

import msgspec

from models.audio.samples import FloatArray
from models.vad.front_end import ChannelFrontEnd, warm_up_samples
from schemas.audio import (
    AudioChunk,
    AudioTopicMessage,
    CallEnded,
    CallHeld,
    CallResumed,
    CallStalled,
    CallStarted,
    DtmfPressed,
)
from schemas.base import Party
from schemas.codec import from_state, to_state
from schemas.operations import Checkpoint
from stream_app.calls.call_facts import CallFacts
from stream_app.calls.call_input import CallInput
from stream_app.calls.channel import Channel
from stream_app.calls.channel_partials import ChannelPartials
from stream_app.calls.chunk_audio import channel_audio, check_layout, checked_duration
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall, is_lost_audio
from stream_app.calls.identifiers import segment_id
from stream_app.calls.lane import ChannelMerge, LaneEvent, OrderedEffects, PartialPlace
from stream_app.calls.lookahead import upcoming_audio
from stream_app.calls.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.segmenter import Activity, Cut, Segment, SegmenterEvent
from stream_app.calls.sequencer import SequencedChunk, SequencePoint, to_position
from stream_app.calls.transcriber_state import (
    ChannelResume,
    OpenChannel,
    TranscriberConfig,
    TranscriberState,
)
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
    """

    def __init__(
        self,
        call_id: str,
        config: TranscriberConfig,
        state: TranscriberState | None = None,
    ) -> None:
        self.call_id = call_id
        self.ended: EndedCall | None = None
        self._config = config
        self._facts = state.facts if state else CallFacts()
        self._resumes = state.channels if state else ()
        self._model = state.model if state else config.model
        point = state.input if state else SequencePoint()
        self._input = CallInput(point)
        self._channels: list[OpenChannel] = []
        self._merge = ChannelMerge(0)
        self._queue = OrderedEffects()
        self._waiting: dict[str, tuple[int, Segment]] = {}
        self._results: dict[str, RecognitionResult] = {}
        self._void_markers = 0

    @classmethod
    def restore(cls, checkpoint: Checkpoint, config: TranscriberConfig) -> "CallTranscriber":
        """Return the machine that goes on from the checkpoint of an open call.

        Raises:
            MalformedMessageError: The checkpoint's state is not one of this agent.
        """
        state = from_state(checkpoint.state, TranscriberState)
        return cls(checkpoint.call_id, config, state)

    @property
    def is_closed(self) -> bool:
        """Return whether the call has ended and all its effects have been returned."""
        return self.ended is not None and not self._queue

    @property
    def last_seq(self) -> int:
        """Return the highest sequence number of the call's chunks so far, -1 before any."""
        return self._input.last_seq

    @property
    def is_on_hold(self) -> bool:
        """Return whether a CallHeld stands without a later CallResumed."""
        return self._facts.is_on_hold

    @property
    def is_stalled(self) -> bool:
        """Return whether nothing is open that a stall would close: none since its last chunk."""
        return self._facts.stalled_after_seq == self.last_seq

    @property
    def late_events(self) -> int:
        """Return how many markers came too late, and messages after the end."""
        return self._void_markers + (self.ended.dropped if self.ended else 0)

    @property
    def dropped_chunks(self) -> int:
        """Return how many duplicates and late chunks were dropped."""
        return self._input.dropped

    def upcoming_audio(
        self, message: AudioTopicMessage
    ) -> Iterable[tuple[ChannelFrontEnd, FloatArray]]:
        """Return what feeding the message will insert into which front ends, as far as known."""
        sequencer = self._input.sequencer
        if not isinstance(message, AudioChunk) or sequencer is None or self.ended:
            return ()
        pipelines = [channel.pipeline for channel in self._channels]
        return upcoming_audio(message, sequencer, pipelines, self._facts.sample_rate_hz)

    def feed(self, message: AudioTopicMessage, offset: int) -> list[Effect]:
        """Return the effects of a message of the audio topic.

        Raises:
            AudioFormatError: Audio that cannot be processed; nothing has changed.
        """
        if self.ended is not None:
            return self._take_late(self.ended, message, offset)
        if isinstance(message, AudioChunk):
            return self._feed_chunk(message, offset)
        if isinstance(message, CallStalled):
            effects = self._feed_stall(message)
        elif isinstance(message, CallEnded):
            effects = self._feed_end(message, offset)
        else:
            effects = self._feed_control(message)
        unneeded = self._input.release_all() if self.ended is not None else ()
        self._commit((*unneeded, offset))
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
        rate_hz = self._facts.sample_rate_hz or chunk.sample_rate_hz
        channels = len(self._facts.parties) or len(chunk.payloads)
        samples = checked_duration(chunk, rate_hz=rate_hz, channels=channels)
        if not self._channels:
            self._open(chunk)
        released = self._input.insert(chunk, offset, samples=samples)
        if released is None:
            self._commit((offset,), is_checkpointed=False)
            return self._queue.release()
        return self._process(released) + self._queue.release()

    def _open(self, chunk: AudioChunk) -> None:
        if not self._facts.parties:
            self._facts = self._facts.with_audio(len(chunk.payloads), chunk.sample_rate_hz)
        rate_hz = self._facts.sample_rate_hz
        count = len(self._facts.parties)
        self._resumes = self._resumes or (ChannelResume(),) * count
        self._input.open(rate_hz)
        self._merge = ChannelMerge(count)
        self._channels = [self._open_channel(rate_hz, resume) for resume in self._resumes]

    def _open_channel(self, rate_hz: int, resume: ChannelResume) -> OpenChannel:
        config = self._config
        channel = Channel(config.front_end(rate_hz), rate_hz, config.segments, resume.point)
        partials = ChannelPartials(
            config.policy, config.partial_interval_ms, is_deterministic=config.is_deterministic
        )
        return OpenChannel(channel, partials, resume)

    def _process(self, chunks: list[SequencedChunk]) -> list[Effect]:
        effects: list[Effect] = []
        for sequenced in chunks:
            if sequenced.is_after_jump:
                end = sequenced.before.clock
                effects += self._close_channels("gap", end, resume=sequenced.start)
            self._input.note_capture(sequenced)
            effects += self._insert(sequenced)
            heard_ms = min(channel.pipeline.segmenter.heard_ms for channel in self._channels)
            self._queue_merged(heard_ms)
        return effects

    def _insert(self, sequenced: SequencedChunk) -> list[Effect]:
        effects: list[Effect] = []
        silence = 0 if sequenced.is_after_jump else sequenced.start - sequenced.before.clock
        for number, channel in enumerate(self._channels):
            audio = channel_audio(sequenced.chunk, number, sequenced.samples, silence=silence)
            events = channel.pipeline.insert(sequenced.end - len(audio), audio)
            effects += self._take_in(number, events)
            effects += self._ask_partial(number)
        return effects

    def _close_channels(self, cut: Cut, end: int, *, resume: int | None = None) -> list[Effect]:
        effects: list[Effect] = []
        for number, channel in enumerate(self._channels):
            events = channel.pipeline.close(cut, end, resume=resume)
            effects += self._take_in(number, events)
        self._queue_merged()
        return effects

    def _take_in(self, number: int, events: list[SegmenterEvent]) -> list[Effect]:
        """Ask for the finals of finished segments at once, and queue all for their turn."""
        self._merge.push(number, events)
        return [
            Infer(self._request(number, s.start_ms, s.samples, s.end_ms, is_final=True), True)
            for s in events
            if isinstance(s, Segment)
        ]

    # Order

    def _queue_merged(self, heard_ms: int | None = None) -> None:
        for number, event in self._merge.pop(heard_ms):
            self._queue_event(number, event)

    def _queue_event(self, number: int, event: LaneEvent) -> None:
        channel = self._channels[number]
        if isinstance(event, Activity):
            captured_at_ns = self._captured_at_ns(event.at_ms)
            place = (self.call_id, number, self._party(number), channel.next_lane_seq())
            self._queue.push(Emit(activity_message(event, place, captured_at_ns)))
        elif isinstance(event, Segment):
            segment = segment_id(self.call_id, number, event.start_ms)
            self._waiting[segment] = (channel.next_lane_seq(), event)
            self._queue.await_result(segment)
            self._fill_final(segment)
        elif isinstance(event, PartialPlace):
            self._queue.await_result(event.place)
        else:
            channel.resume = ChannelResume(point=event.point, lane_seq=channel.lane_seq)
            self._release_chunks()

    def _fill_final(self, segment: str) -> None:
        """Put a final in its place once both the place and the recognizer's result are there."""
        if segment not in self._waiting or segment not in self._results:
            return
        (lane_seq, event), result = self._waiting.pop(segment), self._results.pop(segment)
        party = self._party(result.request.channel)
        message = final_message(result, event, party, lane_seq, style=self._config.numbers)
        self._queue.resolve(segment, Emit(message))

    def _release_chunks(self) -> None:
        """Acknowledge the chunks that no channel needs any more."""
        warm_up = warm_up_samples(self._facts.sample_rate_hz)
        offsets = self._input.release(self._resume_position() - warm_up)
        if offsets:
            self._commit(offsets)

    def _resume_position(self) -> int:
        origins = (channel.resume.point.origin_ms for channel in self._channels)
        return to_position(min(origins, default=0), self._facts.sample_rate_hz)

    # Control messages

    def _feed_control(
        self, message: CallStarted | CallHeld | CallResumed | DtmfPressed
    ) -> list[Effect]:
        if not isinstance(message, CallStarted):
            self._facts = self._facts.with_control(message)
            return []
        check_layout(rate_hz=message.sample_rate_hz, channels=len(message.parties))
        self._facts = self._facts.with_start(message, has_audio=bool(self._channels))
        return []

    def _feed_stall(self, message: CallStalled) -> list[Effect]:
        if message.after_seq != self.last_seq:
            self._void_markers += 1
            return []
        effects = self._process(self._input.flush())
        if self._facts.stalled_after_seq >= message.after_seq:
            return effects
        self._facts = msgspec.structs.replace(self._facts, stalled_after_seq=message.after_seq)
        if not self._input.is_open:
            return effects
        return effects + self._close_channels("stall", self._input.point.clock)

    def _feed_end(self, message: CallEnded, offset: int) -> list[Effect]:
        if message.reason == "stale" and message.after_seq != self.last_seq:
            self._void_markers += 1
            return []
        effects = self._process(self._input.flush())
        if self._input.is_open:
            effects += self._close_channels("end", self._input.point.clock)
        summary = call_summary(
            self._facts,
            self._input.point,
            end_reason=message.reason,
            lane_seqs=tuple(channel.lane_seq for channel in self._channels),
            model=self._model,
        )
        self._queue.push(Emit(transcribed_message(message, summary)))
        self.ended = EndedCall(offset)
        return effects

    def _take_late(self, ended: EndedCall, message: AudioTopicMessage, offset: int) -> list[Effect]:
        is_refused = is_lost_audio(message)
        for effect in ended.take(message, offset, agent=AGENT, is_refused=is_refused):
            self._queue.push(effect)
        return self._queue.release()

    # Checkpoints

    def _commit(self, offsets: tuple[int, ...], *, is_checkpointed: bool = True) -> None:
        self._queue.push(Commit(offsets, self._checkpoint() if is_checkpointed else None))

    def _checkpoint(self) -> Checkpoint:
        resumes = tuple(channel.resume for channel in self._channels) or self._resumes
        state = TranscriberState(
            facts=self._facts,
            input=self._input.resume_point(self._resume_position()),
            channels=resumes,
            model=self._model,
        )
        progress_ms = sum(resume.point.origin_ms for resume in resumes)
        return Checkpoint(
            agent=AGENT,
            call_id=self.call_id,
            position=(int(self.ended is not None), progress_ms, self._facts.changes),
            is_closed=self.ended is not None,
            state=to_state(state) if self.ended is None else self.ended.to_state(),
        )

    # Partials

    def _ask_partial(self, number: int) -> list[Effect]:
        channel = self._channels[number]
        segmenter = channel.pipeline.segmenter
        start_ms, heard_ms = segmenter.open_start_ms, segmenter.heard_ms
        if start_ms is None or heard_ms < segmenter.reported_ms:
            return []  # there is nothing new, after a cut or a takeover
        if not channel.partials.ask(start_ms, heard_ms):
            return []
        samples = segmenter.open_samples()
        request = self._request(number, start_ms, samples, heard_ms, is_final=False)
        if self._config.is_deterministic:
            self._merge.push(number, [PartialPlace(heard_ms, _place_of(request))])
        return [Infer(request, is_urgent=False, is_kept=self._config.is_deterministic)]

    def _resolve_partial(self, result: RecognitionResult) -> list[Effect]:
        request = result.request
        channel = self._channels[request.channel]
        partial = channel.partials.update(result, channel.pipeline.segmenter.open_start_ms)
        party = self._party(request.channel)
        message = partial_message(result, partial, party, style=self._config.numbers)
        if self._config.is_deterministic:
            self._queue.resolve(_place_of(request), Emit(message) if message.words else None)
            return self._queue.release()
        return [Emit(message, is_volatile=True)] if message.words else []

    def _request(
        self, number: int, start_ms: int, samples: FloatArray, spoken_ms: int, *, is_final: bool
    ) -> RecognitionRequest:
        return RecognitionRequest(
            call_id=self.call_id,
            channel=number,
            segment_id=segment_id(self.call_id, number, start_ms),
            samples=samples,
            start_ms=start_ms,
            captured_at_ns=self._captured_at_ns(spoken_ms),
            language=self._facts.context.language,
            hot_words=self._facts.context.hot_words,
            is_final=is_final,
            draft=() if is_final else self._channels[number].partials.draft,
            is_exact=is_final or self._config.is_deterministic,
            domain=self._facts.context.domain,
        )

    def _party(self, number: int) -> Party:
        return self._facts.parties[number]

    def _captured_at_ns(self, at_ms: int) -> int:
        """Return when the audio at ``at_ms`` was captured; 0 if no audio ever was."""
        return self._input.captured_at_ns(to_position(at_ms, self._facts.sample_rate_hz))


def _place_of(request: RecognitionRequest) -> str:
    return f"{request.segment_id}/{request.audio_ms}"
