"""Who has the turn in a call, from speech activity and finals alone.

* A turn opens when speech begins, and is published as TurnStarted with its first final that has
  words: screens have the partials until then, and hold music never takes a turn. An open turn
  whose finals have no words was noise, and is dropped without a message.
* It ends when the channel's silence is as long as `endpointing` asks for and all its finals are
  there. A final stands in the lane at the audio clock of its cut, so a missing one has not come
  yet; ``ceiling_ms`` ends the turn without it, and if it comes later, its words go into the next
  turn or open one of their own. A gap or stall ends the turn at once.
* A short turn of a listener may take no turn: `acknowledgements` has these rules.
"""

from schemas.base import Message
from schemas.transcripts import CallTranscribed, SpeechActivity, TranscriptFinal
from schemas.turns import TurnEndReason
from stream_app.calls.detect_turns.acknowledgements import Acknowledgements
from stream_app.calls.detect_turns.call_state import CallState
from stream_app.calls.detect_turns.endpointing import Endpointer, Spoken, TurnConfig
from stream_app.calls.detect_turns.judgement import NO_PROBABILITY, variant_of
from stream_app.calls.detect_turns.lane_reader import LaneMessage
from stream_app.calls.detect_turns.overlap import OverlapTracker
from stream_app.calls.detect_turns.turn_messages import (
    TurnEnd,
    ended_message,
    interruption_message,
    revised_message,
    started_message,
)
from stream_app.calls.detect_turns.turn_state import ChannelTurns, OpenTurn
from stream_app.calls.detect_turns.turn_words import word_count

CLOSING_CUTS = frozenset({"gap", "stall", "end"})  # after these cuts no speech goes on


class TurnTaking:
    """The turns of one call; see the module for its rules.

    Args:
        call_id: Of the call.
        config: When turns end, and what counts as an interruption.
        state: Where to begin; changed in place.
    """

    def __init__(self, call_id: str, config: TurnConfig, state: CallState) -> None:
        self._call_id = call_id
        self._config = config
        self._state = state
        self._channels = {channel.channel: channel for channel in state.channels}
        self._overlaps = OverlapTracker(config, state.overlaps)
        self._endpointer = Endpointer(config)
        self._acknowledgements = Acknowledgements(config)

    def known(self, channel: int) -> ChannelTurns | None:
        """Return a channel from which something has come."""
        return self._channels.get(channel)

    def channel(self, message: LaneMessage) -> ChannelTurns:
        """Return the channel of a message."""
        channel = self._channels.get(message.channel)
        if channel is None:
            channel = ChannelTurns(channel=message.channel, party=message.party)
            self._channels[message.channel] = channel
            self._state.channels.append(channel)
        return channel

    def is_relevant(self, message: LaneMessage) -> bool:
        """Return whether a message changes anything: most ticks do not."""
        if not isinstance(message, SpeechActivity) or message.kind != "tick":
            return True
        channel = self._channels.get(message.channel)
        if channel is None or message.is_speech != (channel.speaking is not None):
            return True
        return self._end_reason(channel, message.at_ms) is not None or self._overlaps.is_due(
            message.at_ms
        )

    def hear(self, activity: SpeechActivity) -> list[Message]:
        """Return what speech activity leads to."""
        channel = self.channel(activity)
        silent_to_ms = activity.since_ms if activity.is_speech else activity.at_ms
        messages = self._settle(channel, silent_to_ms, activity.at_ms)
        if activity.is_speech and channel.speaking is None:
            self._begin_speech(channel, activity)
        elif not activity.is_speech:
            self._end_speech(channel, activity.since_ms, activity.captured_at_ns)
        if activity.kind == "stall":
            messages.extend(self._end(channel, activity.at_ms, "stall"))
        messages.extend(self._settle(channel, activity.at_ms, activity.at_ms))
        return [*messages, *self._interruptions(activity.at_ms)]

    def revise(self, final: TranscriptFinal) -> list[Message]:
        """Return the revisions of ended turns; goes before `read` and any judgement."""
        channel = self.channel(final)
        return [
            revised_message(self._call_id, channel, turn, final) for turn in channel.revise(final)
        ]

    def read(self, final: TranscriptFinal, probability: float = NO_PROBABILITY) -> list[Message]:
        """Return what a final leads to.

        Args:
            final: Of a channel.
            probability: That the turn, with this final, is complete; -1 where no model was asked.
        """
        channel = self.channel(final)
        if final.cut in CLOSING_CUTS:
            self._end_speech(channel, final.end_ms, final.captured_at_ns)
        channel.cover(final)
        messages: list[Message] = []
        if word_count(final):
            messages.extend(self._add(channel, final, probability))
        else:
            self._drop_noise(channel, final)
        messages.extend(self._settle(channel, final.at_ms, final.at_ms))
        return [*messages, *self._interruptions(final.at_ms)]

    def close(self, transcribed: CallTranscribed) -> list[Message]:
        """Return what the end of the call leads to."""
        messages: list[Message] = []
        for channel in self._state.channels:
            self._end_speech(channel, transcribed.at_ms, transcribed.captured_at_ns)
            messages.extend(self._end(channel, transcribed.at_ms, "call_ended"))
        return [*messages, *self._interruptions(transcribed.at_ms)]

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

    def _add(
        self, channel: ChannelTurns, final: TranscriptFinal, probability: float
    ) -> list[Message]:
        turn = channel.turn or self._open_late(channel, final)
        turn.add(final, probability)
        messages: list[Message] = []
        if not turn.is_published:
            turn.is_published = True
            messages.append(started_message(self._call_id, channel, turn, final.at_ms))
        weight = self._acknowledgements.weight(turn, final.at_ms)
        self._overlaps.confirm(channel, turn, weight)
        if final.at_ms - turn.start_ms >= self._config.max_turn_ms:
            messages.extend(self._split(channel, final))
        return messages

    def _open_late(self, channel: ChannelTurns, final: TranscriptFinal) -> OpenTurn:
        """Open a turn for words that come after theirs was closed."""
        start_ms = max(final.start_ms, channel.free_from_ms)
        turn = OpenTurn(start_ms=start_ms, started_at_ns=final.captured_at_ns)
        turn.begin_speech(start_ms)
        turn.end_speech(final.end_ms, final.captured_at_ns)
        channel.turn = turn
        return turn

    def _drop_noise(self, channel: ChannelTurns, final: TranscriptFinal) -> None:
        turn = channel.turn
        if turn is None:
            return
        if turn.is_published:
            turn.add_noise(final)
        else:
            self._overlaps.forget(channel, turn)
            channel.turn = turn.rest_after(channel.covered_ms, final.captured_at_ns)

    def _split(self, channel: ChannelTurns, final: TranscriptFinal) -> list[Message]:
        """End a turn that is too long; speech that goes on opens another."""
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
        spoken = Spoken(
            probability=turn.probability,
            threshold=self._config.threshold(variant_of(channel.judge)),
            dictation=turn.dictation,
            has_yielded=self._overlaps.is_interrupted(channel, turn),
            is_pending=channel.is_pending,
        )
        reason = self._endpointer.reason(at_ms - turn.end_ms, spoken)
        if reason not in {"silence", "semantic"}:
            return reason
        return None if self._is_left_open(channel, turn, spoken, at_ms) else reason

    def _is_left_open(
        self, channel: ChannelTurns, turn: OpenTurn, spoken: Spoken, at_ms: int
    ) -> bool:
        """Return whether what another party says keeps a turn open that is silent long enough."""
        others = self._others(channel)
        if self._acknowledgements.is_undecided(turn, others, at_ms):
            return True
        if not spoken.is_unfinished or at_ms - turn.end_ms >= self._config.ceiling_ms:
            return False
        silent_from_ms = self._acknowledgements.silent_from_ms(turn, others, at_ms)
        return self._endpointer.reason(at_ms - silent_from_ms, spoken) is None

    def _others(self, channel: ChannelTurns) -> list[ChannelTurns]:
        return [other for other in self._state.channels if other is not channel]

    def _end(self, channel: ChannelTurns, at_ms: int, reason: TurnEndReason) -> list[Message]:
        turn = channel.turn
        if turn is None:
            return []
        channel.turn = None
        if not turn.is_published:
            self._overlaps.forget(channel, turn)
            return []
        is_backchannel = self._acknowledgements.is_backchannel(turn, self._others(channel))
        weight = self._acknowledgements.weight(turn, turn.end_ms)
        if weight == "acknowledgement" and not is_backchannel:
            weight = "claim"
        self._overlaps.confirm(channel, turn, weight)
        self._overlaps.end_turn(channel, turn)
        self._state.turns += 1
        channel.remember(turn, at_ms)
        end = TurnEnd(at_ms, reason, is_backchannel)
        return [ended_message(self._call_id, channel, turn, end, self._state.context)]

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
