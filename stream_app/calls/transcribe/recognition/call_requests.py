"""Requests of one call: the finals of finished segments and the partials of open ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from models.asr.core.policy import PolicyConfig
from models.asr.partials.agreement import PartialHypothesis
from models.audio.samples import FloatArray, no_samples
from stream_app.calls.identifiers import segment_id
from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.recognition.channel_partials import ChannelPartials
from stream_app.calls.transcribe.recognition.early_finals import EarlyFinals
from stream_app.calls.transcribe.recognition.requests import RecognitionRequest, RecognitionResult
from stream_app.calls.transcribe.segmenter.capture_times import CaptureTimes
from stream_app.calls.transcribe.segmenter.channel import Channel
from stream_app.calls.transcribe.segmenter.segmenter import Segmenter
from stream_app.calls.transcribe.segmenter.segments import Segment, SegmenterEvent, Span


@dataclass(frozen=True, slots=True)
class PartialConfig:
    """When partials are asked for, and what becomes of them.

    Attributes:
        policy: When their words are committed.
        interval_ms: New audio between two partials of a segment.
        is_deterministic: They repeat byte for byte as finals do.
    """

    policy: PolicyConfig
    interval_ms: int
    is_deterministic: bool


class CallRequests:
    """What a call asks the recognizer for.

    Args:
        call_id: Of the call.
        config: Of its partials.
        captures: When its audio was captured.
    """

    def __init__(self, call_id: str, config: PartialConfig, captures: CaptureTimes) -> None:
        self._call_id = call_id
        self._config = config
        self._captures = captures
        self._partials: dict[int, ChannelPartials] = {}
        self._early = EarlyFinals()

    def ask(
        self,
        channel: int,
        source: Channel,
        events: Iterable[SegmenterEvent],
        facts: CallFacts,
    ) -> list[RecognitionRequest]:
        """Return the requests of a channel: a final for each segment that ended, then what is due.

        That is the final of a segment that a pause may end, or a partial of an open one.

        Args:
            channel: Its number.
            source: The channel itself, behind the events.
            events: What its audio led to.
            facts: Of the call, in force now.
        """
        requests = [
            self._request(channel, _finished(event), facts)
            for event in events
            if isinstance(event, Segment)
        ]
        end_ms = source.segmenter.foreseen_end_ms
        if end_ms is None and not requests:
            self._early.forget(channel)
        due = self._due(channel, source, end_ms)
        if due is not None:
            requests.append(self._request(channel, due, facts))
        return requests

    def foreseen(self, final: RecognitionRequest) -> RecognitionResult | None:
        """Return the result of a final that was decoded early, None if there is none."""
        return self._early.take(final)

    def update(self, result: RecognitionResult, open_start_ms: int | None) -> PartialHypothesis:
        """Return the next partial of a segment; one without words if its result came too late.

        The result of an early final waits for the pause as well.

        Args:
            result: Of a partial.
            open_start_ms: Where the open segment of its channel begins, None without one.
        """
        request = result.request
        if request.is_early and request.start_ms == open_start_ms:
            self._early.keep(result)
        return self._partials_of(request.channel).update(result, open_start_ms)

    def _due(self, channel: int, source: Channel, end_ms: int | None) -> "_Audio | None":
        """Return the audio to decode of an open segment; none of a silence that was asked for.

        A partial in it would hear the same words, and take the place of the early final.
        """
        start_ms = source.segmenter.open_start_ms
        if start_ms is not None and end_ms is not None:
            if self._early.is_asked(channel, start_ms, end_ms):
                return None
            early = self._due_early(channel, source, end_ms)
            if early is not None:
                return early
        return self._due_partial(channel, source.segmenter)

    def _due_early(self, channel: int, source: Channel, end_ms: int) -> "_Audio | None":
        """Return the audio that a pause would leave, up to ``end_ms``."""
        segmenter, partials = source.segmenter, self._partials_of(channel)
        start_ms = segmenter.open_start_ms
        if start_ms is None or not partials.takes_early:
            return None
        if segmenter.heard_ms < segmenter.reported_ms:
            return None  # this silence was heard before a takeover
        segment = source.foreseen()
        if segment is None:
            return None
        self._early.note_asked(channel, start_ms, end_ms)
        partials.ask_early(start_ms, end_ms)
        return replace(_finished(segment), is_final=False, is_early=True)

    def _due_partial(self, channel: int, segmenter: Segmenter) -> "_Audio | None":
        start_ms = segmenter.open_start_ms
        if start_ms is None:
            return None
        heard_ms = segmenter.heard_ms
        if heard_ms < segmenter.reported_ms:
            return None  # there is nothing new, after a cut or a takeover
        if not self._partials_of(channel).ask(start_ms, heard_ms):
            return None
        return _Audio(start_ms, heard_ms, segmenter.open_samples(), is_final=False)

    def _partials_of(self, channel: int) -> ChannelPartials:
        """Return the partials of a channel, open or not: results come late."""
        partials = self._partials.get(channel)
        if partials is None:
            config = self._config
            partials = self._partials[channel] = ChannelPartials(
                config.policy, config.interval_ms, is_deterministic=config.is_deterministic
            )
        return partials

    def _request(self, channel: int, audio: "_Audio", facts: CallFacts) -> RecognitionRequest:
        is_final = audio.is_final
        is_whole = is_final or audio.is_early
        return RecognitionRequest(
            call_id=self._call_id,
            channel=channel,
            segment_id=segment_id(self._call_id, channel, audio.start_ms),
            samples=audio.samples,
            passage=audio.passage,
            context=audio.context,
            start_ms=audio.start_ms,
            captured_at_ns=self._captures.at(audio.speech_end_ms),
            language=facts.context.language,
            hot_words=facts.context.hot_words,
            is_final=is_final,
            is_early=audio.is_early,
            is_first=not is_whole and self._partials_of(channel).is_first,
            draft=() if is_whole else self._partials_of(channel).draft,
            is_exact=is_whole or self._config.is_deterministic,
            call_context=facts.spread_context,
            party=facts.parties[channel],
        )


@dataclass(frozen=True, slots=True)
class _Audio:
    """Audio of a segment to decode: of a finished one, one that may be, or an open one so far."""

    start_ms: int
    speech_end_ms: int
    samples: FloatArray
    is_final: bool = True
    is_early: bool = False
    passage: tuple[Span, ...] = ()
    context: FloatArray = field(default_factory=no_samples)


def _finished(segment: Segment) -> _Audio:
    return _Audio(
        segment.start_ms,
        segment.end_ms,
        segment.samples,
        passage=segment.passage,
        context=segment.context,
    )
