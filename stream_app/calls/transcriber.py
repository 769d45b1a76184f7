"""One call of `transcribe`: audio in; speech activity, partials and finals out.

A chunk passes `feed` -> `ChunkSequencer` (order, gaps) -> `Channel` (resampler, VAD, segments)
-> `ChannelMerge` (audio-clock order) -> `OrderedEffects` (finals in place). An input is
acknowledged when every channel's front end would be rebuilt from later audio: at a
`segmenter.Rebuild`, together with the checkpoint from which a fresh worker goes on.
"""

from collections import deque

import msgspec

from models.asr.agreement import LocalAgreement
from models.audio.samples import FloatArray
from models.vad.front_end import warm_up_samples
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
from schemas.errors import AudioFormatError
from schemas.operations import Alert, Checkpoint
from schemas.transcripts import CallSummary, CallTranscribed
from stream_app.calls.call_facts import CallFacts
from stream_app.calls.channel import Channel
from stream_app.calls.chunk_audio import channel_audio, check_layout, checked_duration
from stream_app.calls.effects import Commit, Effect, Emit, Infer, Refuse
from stream_app.calls.identifiers import event_id, segment_id
from stream_app.calls.lane import ChannelMerge, OrderedEffects
from stream_app.calls.recognition import RecognitionRequest, RecognitionResult
from stream_app.calls.segmenter import Activity, Cut, Segment, SegmenterEvent
from stream_app.calls.sequencer import (
    ChunkSequencer,
    SequencedChunk,
    SequencePoint,
    to_ms,
    to_position,
)
from stream_app.calls.transcriber_state import (
    ChannelResume,
    OpenChannel,
    TranscriberConfig,
    TranscriberState,
)
from stream_app.calls.transcript_messages import activity_message, final_message, partial_message

AGENT = "transcribe"


class CallTranscriber:
    """State machine of one call in `transcribe`; see `effects.CallMachine`.

    Args:
        call_id: Of the call.
        config: Shared by all calls.
        state: Where to go on; None for a call that was not seen before.
        is_ended: The call had been closed.
    """

    def __init__(
        self,
        call_id: str,
        config: TranscriberConfig,
        state: TranscriberState | None = None,
        *,
        is_ended: bool = False,
    ) -> None:
        self.call_id = call_id
        self._config = config
        self._facts = state.facts if state else CallFacts()
        self._input = state.input if state else SequencePoint()
        self._resumes = state.channels if state else ()
        self._model = state.model if state else config.model
        self._is_ended = is_ended
        self._last_seq = state.last_seq if state else -1
        self._sequencer: ChunkSequencer | None = None
        self._channels: list[OpenChannel] = []
        self._merge = ChannelMerge(0)
        self._queue = OrderedEffects()
        self._ledger: deque[SequencedChunk] = deque()
        self._captures: deque[tuple[int, int]] = deque()
        self._waiting: dict[str, tuple[int, Segment]] = {}
        self._results: dict[str, RecognitionResult] = {}
        self._has_alerted = False
        self.late_events = 0

    @classmethod
    def restore(cls, checkpoint: Checkpoint, config: TranscriberConfig) -> "CallTranscriber":
        """Return the machine that goes on from a checkpoint.

        Raises:
            MalformedMessageError: The checkpoint's state is not one of this agent.
        """
        state = from_state(checkpoint.state, TranscriberState)
        return cls(checkpoint.call_id, config, state, is_ended=checkpoint.is_closed)

    @property
    def is_closed(self) -> bool:
        """Return whether the call has ended and all its effects have been returned."""
        return self._is_ended and not self._queue

    @property
    def last_seq(self) -> int:
        """Return the highest sequence number of the call's chunks so far, -1 before any."""
        return self._sequencer.last_seq if self._sequencer else self._last_seq

    @property
    def dropped_chunks(self) -> int:
        """Return how many duplicates and late chunks were dropped."""
        return self._sequencer.dropped if self._sequencer else 0

    def feed(self, message: AudioTopicMessage, offset: int) -> list[Effect]:
        """Return the effects of a message of the audio topic.

        Raises:
            AudioFormatError: Audio that cannot be processed; nothing has changed.
        """
        if self._is_ended:
            return self._refuse_late(message, offset)
        if isinstance(message, AudioChunk):
            return self._feed_chunk(message, offset)
        if isinstance(message, CallStalled):
            effects = self._feed_stall(message)
        elif isinstance(message, CallEnded):
            effects = self._feed_end(message)
        else:
            effects = self._feed_control(message)
        self._commit((*self._take_ledger_of_ended(), offset))
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
        assert self._sequencer is not None  # noqa: S101 -- _open made it
        released = self._sequencer.insert(chunk, offset, samples=samples)
        if released is None:
            self._commit((offset,), is_checkpointed=False)
            return self._queue.release()
        effects = self._process(released)
        return effects + self._queue.release()

    def _open(self, chunk: AudioChunk) -> None:
        if not self._facts.parties:
            facts = self._facts.with_audio(len(chunk.payloads), chunk.sample_rate_hz)
            self._facts = facts
        rate_hz = self._facts.sample_rate_hz
        count = len(self._facts.parties)
        self._resumes = self._resumes or (ChannelResume(),) * count
        self._sequencer = ChunkSequencer(rate_hz, self._input)
        self._merge = ChannelMerge(count)
        self._channels = [
            OpenChannel(
                Channel(
                    self._config.front_end(rate_hz), rate_hz, self._config.segments, resume.point
                ),
                resume,
            )
            for resume in self._resumes
        ]

    def _process(self, chunks: list[SequencedChunk]) -> list[Effect]:
        effects: list[Effect] = []
        self._ledger.extend(chunks)  # all of them first: a checkpoint may be due at the first one
        for sequenced in chunks:
            if sequenced.is_after_jump:
                jump = sequenced.start
                effects += self._close_channels("gap", sequenced.before.clock, resume=jump)
            self._captures.append((sequenced.end, sequenced.chunk.captured_at_ns))
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
        segments = [event for event in events if isinstance(event, Segment)]
        return [
            Infer(self._request(number, s.start_ms, s.samples, s.end_ms, is_final=True), True)
            for s in segments
        ]

    # Order

    def _queue_merged(self, heard_ms: int | None = None) -> None:
        for number, event in self._merge.pop(heard_ms):
            self._queue_event(number, event)

    def _queue_event(self, number: int, event: SegmenterEvent) -> None:
        channel = self._channels[number]
        if isinstance(event, Activity):
            captured_at_ns = self._captured_at_ns(event.at_ms)
            place = (self.call_id, number, self._party(number), channel.next_lane_seq())
            self._queue.push(Emit(activity_message(event, place, captured_at_ns)))
        elif isinstance(event, Segment):
            segment = segment_id(self.call_id, number, event.start_ms)
            self._waiting[segment] = (channel.next_lane_seq(), event)
            self._queue.await_final(segment)
            self._fill_final(segment)
        else:
            channel.resume = ChannelResume(point=event.point, lane_seq=channel.lane_seq)
            self._release_chunks()

    def _fill_final(self, segment: str) -> None:
        """Put a final in its place once both the place and the recognizer's result are there."""
        if segment not in self._waiting or segment not in self._results:
            return
        lane_seq, event = self._waiting.pop(segment)
        result = self._results.pop(segment)
        message = final_message(result, event, self._party(result.request.channel), lane_seq)
        self._queue.resolve(segment, Emit(message))

    def _release_chunks(self) -> None:
        """Acknowledge the chunks that no channel needs any more."""
        offsets = []
        horizon = self._resume_position() - warm_up_samples(self._facts.sample_rate_hz)
        while self._ledger and self._ledger[0].end <= horizon:
            offsets.append(self._ledger.popleft().offset)
        while self._captures and self._captures[0][0] <= horizon:
            self._captures.popleft()
        if offsets:
            self._commit(tuple(offsets))

    def _resume_position(self) -> int:
        rate_hz = self._facts.sample_rate_hz
        return min(to_position(c.resume.point.origin_ms, rate_hz) for c in self._channels)

    # Control messages

    def _feed_control(
        self, message: CallStarted | CallHeld | CallResumed | DtmfPressed
    ) -> list[Effect]:
        if not isinstance(message, CallStarted):
            self._facts = self._facts.with_control(message)
            return []
        check_layout(rate_hz=message.sample_rate_hz, channels=len(message.parties))
        facts = self._facts.with_start(message)
        if self._channels and (
            len(facts.parties) != len(self._channels)
            or facts.sample_rate_hz != self._facts.sample_rate_hz
        ):
            raise AudioFormatError("the call's start contradicts the audio before it")
        self._facts = facts
        return []

    def _feed_stall(self, message: CallStalled) -> list[Effect]:
        if message.after_seq != self.last_seq:
            self.late_events += 1
            return []
        effects = self._flush_sequencer()
        if self._facts.stalled_after_seq >= message.after_seq:
            return effects
        self._facts = msgspec.structs.replace(self._facts, stalled_after_seq=message.after_seq)
        if self._sequencer is None:
            return effects
        return effects + self._close_channels("stall", self._sequencer.point.clock)

    def _feed_end(self, message: CallEnded) -> list[Effect]:
        if message.reason == "stale" and message.after_seq != self.last_seq:
            self.late_events += 1
            return []
        effects = self._flush_sequencer()
        end = 0
        if self._sequencer is not None:
            self._input = self._sequencer.point
            end = self._input.clock
            effects += self._close_channels("end", end)
        self._last_seq = self.last_seq
        duration_ms = to_ms(end, self._facts.sample_rate_hz) if end else 0
        self._queue.push(Emit(self._transcribed(message, duration_ms)))
        self._is_ended = True
        return effects

    def _take_ledger_of_ended(self) -> tuple[int, ...]:
        """Return the offsets that wait for nothing any more because the call has ended."""
        if not self._is_ended:
            return ()
        offsets = tuple(sequenced.offset for sequenced in self._ledger)
        self._ledger.clear()
        return offsets

    def _flush_sequencer(self) -> list[Effect]:
        return self._process(self._sequencer.flush()) if self._sequencer else []

    def _transcribed(self, message: CallEnded, duration_ms: int) -> CallTranscribed:
        summary = CallSummary(
            parties=self._facts.parties,
            duration_ms=duration_ms,
            end_reason=message.reason,
            context=self._facts.context,
            holds=self._facts.holds(duration_ms),
            dtmf=self._facts.dtmf,
            gaps=self._input.gaps,
            gap_ms=self._input.gap_ms,
            lane_seqs=tuple(channel.lane_seq for channel in self._channels),
            models={"asr": self._model},
        )
        return CallTranscribed(
            event_id=event_id(self.call_id, "transcribed"),
            call_id=self.call_id,
            captured_at_ns=message.captured_at_ns,
            at_ms=duration_ms,
            summary=summary,
        )

    def _refuse_late(self, message: AudioTopicMessage, offset: int) -> list[Effect]:
        """Refuse audio after the end; drop what a second reading of the log brings again."""
        if isinstance(message, AudioChunk) and message.seq > self._last_seq:
            self._queue.push(Refuse(offset, "audio after the end of the call"))
            if not self._has_alerted:
                self._queue.push(Emit(self._late_audio_alert(message)))
                self._has_alerted = True
        else:
            self.late_events += 1
        self._queue.push(Commit((offset,)))
        return self._queue.release()

    def _late_audio_alert(self, message: AudioChunk) -> Alert:
        return Alert(
            event_id=event_id(self.call_id, "audio_after_end", self._last_seq),
            call_id=self.call_id,
            captured_at_ns=message.captured_at_ns,
            kind="audio_after_end",
            severity="warning",
            source=AGENT,
            details={"last_seq": str(self._last_seq)},
        )

    # Checkpoints

    def _commit(self, offsets: tuple[int, ...], *, is_checkpointed: bool = True) -> None:
        self._queue.push(Commit(offsets, self._checkpoint() if is_checkpointed else None))

    def _checkpoint(self) -> Checkpoint:
        resumes = tuple(channel.resume for channel in self._channels) or self._resumes
        state = TranscriberState(
            facts=self._facts,
            input=self._input_point(),
            channels=resumes,
            model=self._model,
            last_seq=self._last_seq if self._is_ended else -1,
        )
        progress_ms = sum(resume.point.origin_ms for resume in resumes)
        return Checkpoint(
            agent=AGENT,
            call_id=self.call_id,
            position=(int(self._is_ended), progress_ms, self._facts.changes),
            is_closed=self._is_ended,
            state=to_state(state),
        )

    def _input_point(self) -> SequencePoint:
        """Return the position before the first chunk still needed.

        Behind the gap before that chunk if every channel is past the gap: else the gap would be
        met, counted and reported a second time.
        """
        if self._sequencer is None:
            return self._input
        if not self._ledger:
            return self._sequencer.point
        first = self._ledger[0]
        return first.after_gap if self._resume_position() >= first.start else first.before

    # Partials

    def _ask_partial(self, number: int) -> list[Effect]:
        channel = self._channels[number]
        segmenter = channel.pipeline.segmenter
        start_ms = segmenter.open_start_ms
        if start_ms is None:
            return []
        heard_ms = segmenter.heard_ms
        if heard_ms - max(start_ms, channel.asked_ms) < self._config.partial_interval_ms:
            return []
        channel.asked_ms = heard_ms
        samples = segmenter.open_samples()
        return [Infer(self._request(number, start_ms, samples, heard_ms, is_final=False), False)]

    def _resolve_partial(self, result: RecognitionResult) -> list[Effect]:
        request = result.request
        channel = self._channels[request.channel]
        start_ms = channel.pipeline.segmenter.open_start_ms
        if start_ms is None or request.segment_id != segment_id(
            self.call_id, request.channel, start_ms
        ):
            return []
        if channel.partial_segment != request.segment_id:
            channel.agreement = LocalAgreement()
            channel.partial_segment = request.segment_id
        partial = channel.agreement.update(result.hypothesis)
        if not partial.words:
            return []
        message = partial_message(result, partial, self._party(request.channel))
        return [Emit(message, is_volatile=True)]

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
        )

    def _party(self, number: int) -> Party:
        return self._facts.parties[number]

    def _captured_at_ns(self, at_ms: int) -> int:
        """Return when the audio at ``at_ms`` was captured; 0 if no audio ever was."""
        position = to_position(at_ms, self._facts.sample_rate_hz)
        for end, captured_at_ns in self._captures:
            if end >= position:
                return captured_at_ns
        return self._captures[-1][1] if self._captures else 0
