"""Return the turns of one call: the state machine of `detect_turns`.

Only the deterministic lane moves it: speech activity, finals, the end of the call.

* A turn opens with the begin of speech, and is published as TurnStarted with its first final
  that has words: screens have the partials until then, and hold music never takes a turn. What
  turns out to be noise is dropped without a trace.
* It ends when the channel's silence reaches ``silence_ms`` and all its finals are there. Finals
  stand in the lane at the audio clock of their cut, so one that is missing is one that has not
  come yet; ``ceiling_ms`` ends the turn without it, and if it comes after that, its words go
  into the next turn or open one of their own. A gap or stall ends the turn at once.
* A backchannel is a short turn of acknowledgements alone, before and after which the other
  party speaks within one turn of its own.

A checkpoint holds the open turns; its position counts the messages that changed the state,
which is the same number in every run. A tick that changes nothing is acknowledged without one.
"""

from collections.abc import Sequence
from typing import Self

import msgspec

from schemas.base import Message
from schemas.codec import from_state, to_state
from schemas.operations import Checkpoint
from schemas.transcripts import (
    CallTranscribed,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    TranscriptTopicMessage,
)
from schemas.turns import TurnEndReason
from stream_app.calls.backchannels import BackchannelWords
from stream_app.calls.counters import InputCounters
from stream_app.calls.effects import Commit, Effect, Emit
from stream_app.calls.endpointing import SilenceEndpointer, TurnConfig, TurnPredictor
from stream_app.calls.identifiers import turn_id
from stream_app.calls.lane_reader import LaneMessage, LaneReader
from stream_app.calls.overlap import Overlap, OverlapTracker
from stream_app.calls.turn_messages import (
    complete_message,
    ended_message,
    interruption_message,
    started_message,
)
from stream_app.calls.turn_state import ChannelTurns, OpenTurn, word_count

AGENT = "detect_turns"
CLOSING_CUTS = frozenset({"gap", "stall", "end"})  # after these cuts no speech goes on


class CallState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a checkpoint holds.

    Attributes:
        next_seqs: Next number of each channel's lane.
        turns: How many have ended.
        changes: How many messages changed this state.
    """

    channels: list[ChannelTurns] = []
    overlaps: list[Overlap] = []
    next_seqs: dict[str, int] = {}
    turns: int = 0
    changes: int = 0


class CallTurns:
    """One call of `detect_turns`; see the module for its rules.

    Args:
        call_id: Of the call.
        config: When turns end, and what counts as an interruption.
        state: Where to begin; a new call by default.
        predictor: Foretells ends of turns from partials; none by default.

    Attributes:
        counters: Of what was set aside.
        is_closed: The call is over; whatever comes is late.
    """

    def __init__(
        self,
        call_id: str,
        config: TurnConfig,
        *,
        state: CallState | None = None,
        predictor: TurnPredictor | None = None,
    ) -> None:
        self.counters = InputCounters()
        self.is_closed = False
        self._call_id = call_id
        self._config = config
        self._state = state or CallState()
        self._channels = {channel.channel: channel for channel in self._state.channels}
        self._predictor = predictor
        self._lanes = LaneReader(self.counters, self._state.next_seqs)
        self._overlaps = OverlapTracker(config, self._state.overlaps)
        self._endpointer = SilenceEndpointer(config)
        self._backchannels = BackchannelWords(config.backchannels)

    @classmethod
    def restore(
        cls, checkpoint: Checkpoint, config: TurnConfig, *, predictor: TurnPredictor | None = None
    ) -> Self:
        """Return the machine that wrote ``checkpoint``.

        Raises:
            MalformedMessageError: The checkpoint is of another agent or version.
        """
        state = from_state(checkpoint.state, CallState)
        machine = cls(checkpoint.call_id, config, state=state, predictor=predictor)
        machine.is_closed = checkpoint.is_closed
        return machine

    def feed(self, message: TranscriptTopicMessage, offset: int) -> Sequence[Effect]:
        """Return the effects of one message of the transcripts topic."""
        if self.is_closed:
            self.counters.late_events += 1
            return (Commit((offset,)),)
        if isinstance(message, TranscriptPartial):
            return (*self._predict(message), Commit((offset,)))
        if isinstance(message, CallTranscribed):
            return self._close(message, offset)
        if not self._lanes.accept(message) or not self._is_relevant(message):
            return (Commit((offset,)),)
        channel = self._channel(message)
        if isinstance(message, SpeechActivity):
            messages = self._hear(channel, message)
        else:
            messages = self._read(channel, message)
        messages.extend(self._interruptions(message.at_ms))
        return self._effects(messages, offset)

    def resolve(self, result: object) -> Sequence[Effect]:
        """Return nothing: endpointing by silence asks no model."""
        del result
        return ()

    def _is_relevant(self, message: LaneMessage) -> bool:
        """Return whether a message is more than a tick that says what is known."""
        if not isinstance(message, SpeechActivity) or message.kind != "tick":
            return True
        channel = self._channels.get(message.channel)
        if channel is None or message.is_speech != (channel.speaking is not None):
            return True
        return self._end_reason(channel, message.at_ms) is not None or self._overlaps.is_due(
            message.at_ms
        )

    def _predict(self, partial: TranscriptPartial) -> list[Effect]:
        channel = self._channels.get(partial.channel)
        if self._predictor is None or channel is None or channel.turn is None:
            return []
        prediction = self._predictor.predict(
            turn_id(self._call_id, channel.channel, channel.turn.start_ms), partial
        )
        return [Emit(prediction, is_volatile=True)] if prediction else []

    def _hear(self, channel: ChannelTurns, activity: SpeechActivity) -> list[Message]:
        silent_to_ms = activity.since_ms if activity.is_speech else activity.at_ms
        messages = self._settle(channel, silent_to_ms, activity.at_ms)
        if activity.is_speech and channel.speaking is None:
            self._begin_speech(channel, activity)
        elif not activity.is_speech:
            self._end_speech(channel, activity.since_ms, activity.captured_at_ns)
        if activity.kind == "stall":
            messages.extend(self._end(channel, activity.at_ms, "stall"))
        messages.extend(self._settle(channel, activity.at_ms, activity.at_ms))
        return messages

    def _read(self, channel: ChannelTurns, final: TranscriptFinal) -> list[Message]:
        if final.cut in CLOSING_CUTS:
            self._end_speech(channel, final.end_ms, final.captured_at_ns)
        channel.cover(final)
        messages: list[Message] = []
        if word_count(final):
            messages.extend(self._add(channel, final))
        else:
            self._drop_noise(channel, final)
        messages.extend(self._settle(channel, final.at_ms, final.at_ms))
        return messages

    def _begin_speech(self, channel: ChannelTurns, activity: SpeechActivity) -> None:
        is_fresh = activity.since_ms >= channel.free_from_ms
        start_ms = activity.since_ms if is_fresh else activity.at_ms
        if channel.turn is None:
            channel.turn = OpenTurn(start_ms=start_ms, started_at_ns=activity.captured_at_ns)
        channel.turn.begin_speech(start_ms)
        self._overlaps.begin_speech(
            channel, channel.turn, self._state.channels, activity.captured_at_ns
        )

    def _end_speech(self, channel: ChannelTurns, end_ms: int, captured_at_ns: int) -> None:
        turn = channel.speaking
        if turn is not None:
            turn.end_speech(end_ms, captured_at_ns)
            self._overlaps.end_speech(channel, turn)

    def _add(self, channel: ChannelTurns, final: TranscriptFinal) -> list[Message]:
        turn = channel.turn or self._open_late(channel, final)
        turn.add(final)
        messages: list[Message] = []
        if not turn.is_published:
            turn.is_published = True
            messages.append(started_message(self._call_id, channel, turn, final.at_ms))
        is_short = self._is_acknowledgement(turn, final.at_ms)
        self._overlaps.confirm(channel, turn, is_taken=not is_short)
        if final.at_ms - turn.start_ms >= self._config.max_turn_ms:
            messages.extend(self._split(channel, final))
        return messages

    def _open_late(self, channel: ChannelTurns, final: TranscriptFinal) -> OpenTurn:
        """Words that come after their turn was closed are not lost."""
        start_ms = max(final.start_ms, channel.free_from_ms)
        turn = OpenTurn(start_ms=start_ms, started_at_ns=final.captured_at_ns)
        turn.begin_speech(start_ms)
        turn.end_speech(final.end_ms, final.captured_at_ns)
        channel.turn = turn
        return turn

    def _drop_noise(self, channel: ChannelTurns, final: TranscriptFinal) -> None:
        turn = channel.turn
        if turn is not None and not turn.is_published:
            self._overlaps.forget(channel, turn)
            channel.turn = turn.rest_after(channel.covered_ms, final.captured_at_ns)

    def _split(self, channel: ChannelTurns, final: TranscriptFinal) -> list[Message]:
        """The speech goes on in a turn of its own, and so does what overlaps it."""
        speaking = channel.speaking
        cut_ms = max(final.end_ms, speaking.speaking_since_ms) if speaking else final.at_ms
        self._end_speech(channel, cut_ms, final.captured_at_ns)
        messages = self._end(channel, final.at_ms, "ceiling")
        if speaking:
            channel.turn = OpenTurn(start_ms=cut_ms, started_at_ns=final.captured_at_ns)
            channel.turn.begin_speech(cut_ms)
        return messages

    def _settle(self, channel: ChannelTurns, silent_to_ms: int, at_ms: int) -> list[Message]:
        reason = self._end_reason(channel, silent_to_ms)
        return self._end(channel, at_ms, reason) if reason else []

    def _end_reason(self, channel: ChannelTurns, at_ms: int) -> TurnEndReason | None:
        turn = channel.turn
        if turn is None or turn.is_speaking:
            return None
        silence_ms = at_ms - turn.end_ms
        reason = self._endpointer.reason(
            silence_ms, turn.probability, is_pending=channel.is_pending
        )
        is_silence = reason == "silence" and self._overlaps.is_interrupted(channel, turn)
        return "interrupted" if is_silence else reason

    def _end(self, channel: ChannelTurns, at_ms: int, reason: TurnEndReason) -> list[Message]:
        turn = channel.turn
        if turn is None:
            return []
        channel.turn = None
        if not turn.is_published:
            self._overlaps.forget(channel, turn)
            return []
        is_backchannel = self._is_backchannel(channel, turn)
        self._overlaps.confirm(channel, turn, is_taken=not is_backchannel)
        self._overlaps.end_turn(channel, turn)
        self._state.turns += 1
        channel.last_start_ms, channel.last_end_ms = turn.start_ms, turn.end_ms
        return [
            ended_message(
                self._call_id, channel, turn, (at_ms, reason), is_backchannel=is_backchannel
            )
        ]

    def _is_acknowledgement(self, turn: OpenTurn, at_ms: int) -> bool:
        is_short = turn.speech_ms(at_ms) <= self._config.backchannel_ms
        return is_short and self._backchannels.cover(turn.text)

    def _is_backchannel(self, channel: ChannelTurns, turn: OpenTurn) -> bool:
        others = (other for other in self._state.channels if other is not channel)
        return self._is_acknowledgement(turn, turn.end_ms) and any(
            other.keeps_floor(turn) for other in others
        )

    def _interruptions(self, at_ms: int) -> list[Message]:
        return [
            interruption_message(
                self._call_id,
                self._channels[overlap.channel],
                overlap,
                at_ms,
                self._overlaps.known_ms(overlap, at_ms),
            )
            for overlap in self._overlaps.decide(at_ms)
        ]

    def _close(self, transcribed: CallTranscribed, offset: int) -> Sequence[Effect]:
        self._lanes.check_end(transcribed.summary)
        messages: list[Message] = []
        for channel in self._state.channels:
            self._end_speech(channel, transcribed.at_ms, transcribed.captured_at_ns)
            messages.extend(self._end(channel, transcribed.at_ms, "call_ended"))
        messages.extend(self._interruptions(transcribed.at_ms))
        messages.append(complete_message(transcribed, self._state.turns))
        self.is_closed = True
        self._state = CallState(changes=self._state.changes)
        return self._effects(messages, offset)

    def _effects(self, messages: list[Message], offset: int) -> Sequence[Effect]:
        state = self._state
        state.changes += 1
        state.next_seqs = {} if self.is_closed else self._lanes.next_seqs()
        checkpoint = Checkpoint(
            agent=AGENT,
            call_id=self._call_id,
            position=(state.changes,),
            is_closed=self.is_closed,
            state=to_state(state),
        )
        return (*(Emit(message) for message in messages), Commit((offset,), checkpoint))

    def _channel(self, message: LaneMessage) -> ChannelTurns:
        channel = self._channels.get(message.channel)
        if channel is None:
            channel = ChannelTurns(channel=message.channel, party=message.party)
            self._channels[message.channel] = channel
            self._state.channels.append(channel)
        return channel
