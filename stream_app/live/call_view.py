"""The state of a call as a person follows it: final words, present words, who speaks.

`CallView` is a pure function of the messages that it is fed: no clock, no terminal. It returns the
lines that stay, and holds what changes.
"""

from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Literal

from schemas.audio import (
    AudioChunk,
    AudioMessage,
    CallHeld,
    CallResumed,
    CallStalled,
    CallStarted,
    DtmfPressed,
)
from schemas.base import Message, Party
from schemas.classification import CallClassified
from schemas.insights import CallInsights
from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial
from schemas.turns import FinalizedCall, Interruption, TurnEnded, TurnEndPredicted
from stream_app.live.insights_text import insights_text
from stream_app.live.labels_text import labels_text
from stream_app.logs.printable import printable

_TURN_END_REASONS = {
    "semantic": "complete",
    "silence": "silence",
    "ceiling": "long silence",
    "interrupted": "interrupted",
    "stall": "no audio",
    "call_ended": "end of the call",
}

_DECIDED_BY_WAITING = {"semantic", "silence", "ceiling"}

Role = Party | Literal["second", "call"]


@dataclass(frozen=True, slots=True)
class Line:
    """Something that stays on the screen.

    Attributes:
        at_ms: Audio clock of the event.
        name: Of the channel; empty for the whole call.
        role: Of the channel: its party, ``second`` where another channel has that party too, or
            ``call`` for the whole call.
        is_remark: About the call, not words of it.
    """

    at_ms: int
    name: str
    text: str
    role: Role = "call"
    is_remark: bool = False


@dataclass(slots=True)
class ChannelState:
    """The present words of a channel.

    Attributes:
        end_probability: Predicted for the open turn; 0 without a prediction.
        segments: With a final, of the open turn: late partials of them are ignored.
    """

    party: Party
    name: str
    role: Role
    is_speech: bool = False
    segment_id: str = ""
    words: tuple[str, ...] = ()
    stable_words: int = 0
    end_probability: float = 0.0
    segments: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget the words of the segment."""
        self.segment_id, self.words, self.stable_words = "", (), 0


class CallView:
    """One call, by its messages so far.

    Attributes:
        finalized: The finalized call, once it has come.
        classified: What the whole call was classified as, once that has come.
        insights: What the whole call says of its service, once that has come.
        clock_ms: Audio clock of the latest message.
    """

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.finalized: FinalizedCall | None = None
        self.classified: CallClassified | None = None
        self.insights: CallInsights | None = None
        self.clock_ms = 0
        self.is_held = False
        self._channels: dict[int, ChannelState] = {}
        self._first_arrival_ns = 0
        self._last_arrival_ns = 0

    @property
    def is_over(self) -> bool:
        """Whether no words of the call will come any more."""
        answers = (self.finalized, self.classified, self.insights)
        return any(each is not None for each in answers)

    @property
    def elapsed_ms(self) -> int:
        """Wall-clock time between the first and the last message."""
        return (self._last_arrival_ns - self._first_arrival_ns) // 1_000_000

    @property
    def channels(self) -> list[ChannelState]:
        """The channels in their order."""
        return [self._channels[number] for number in sorted(self._channels)]

    def feed(self, message: Message | AudioMessage, arrived_at_ns: int) -> list[Line]:
        """Return the lines that ``message`` adds for good; other calls' messages add none."""
        if message.call_id != self.call_id:
            return []
        self._first_arrival_ns = self._first_arrival_ns or arrived_at_ns
        self._last_arrival_ns = arrived_at_ns
        at_ms = getattr(message, "at_ms", 0)
        self.clock_ms = max(self.clock_ms, at_ms)
        return self._take(message)

    @singledispatchmethod
    def _take(self, message: object) -> list[Line]:
        del message
        return []

    @_take.register
    def _(self, message: CallStarted) -> list[Line]:
        for number, party in enumerate(message.parties):
            self._channel(number, party)
        return []

    @_take.register
    def _(self, message: AudioChunk) -> list[Line]:
        self.clock_ms = max(self.clock_ms, message.start_ms)
        return []

    @_take.register
    def _(self, message: CallHeld) -> list[Line]:
        self.is_held = True
        return [Line(message.at_ms, "", "on hold", is_remark=True)]

    @_take.register
    def _(self, message: CallResumed) -> list[Line]:
        self.is_held = False
        return [Line(message.at_ms, "", "hold ended", is_remark=True)]

    @_take.register
    def _(self, message: DtmfPressed) -> list[Line]:
        text = f"pressed {message.digit}"
        channel = self._channels.get(message.channel)
        if channel is None:  # the gateway may not know it
            return [Line(message.at_ms, "", text, is_remark=True)]
        return [Line(message.at_ms, channel.name, text, channel.role, is_remark=True)]

    @_take.register
    def _(self, _message: CallStalled) -> list[Line]:
        return [Line(self.clock_ms, "", "no audio comes any more", is_remark=True)]

    @_take.register
    def _(self, message: SpeechActivity) -> list[Line]:
        self._channel(message.channel, message.party).is_speech = message.is_speech
        return []

    @_take.register
    def _(self, message: TranscriptPartial) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        if message.segment_id not in channel.segments:
            channel.segment_id = message.segment_id
            channel.words = tuple(printable(word.text) for word in message.words)
            channel.stable_words = message.stable_words
        return []

    @_take.register
    def _(self, message: TranscriptFinal) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        channel.segments.add(message.segment_id)
        if channel.segment_id in ("", message.segment_id):
            channel.clear()
        if not message.text.strip():
            return []
        return [Line(message.start_ms, channel.name, message.text.strip(), channel.role)]

    @_take.register
    def _(self, message: TurnEndPredicted) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        channel.end_probability = 0.0 if message.is_withdrawn else message.probability
        return []

    @_take.register
    def _(self, message: TurnEnded) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        channel.segments.clear()
        channel.end_probability = 0.0
        if message.is_backchannel:
            return [Line(message.at_ms, channel.name, "backchannel", channel.role, is_remark=True)]
        text = f"end of turn: {_TURN_END_REASONS[message.reason]}"
        if message.reason in _DECIDED_BY_WAITING:
            text += f", decided {message.at_ms - message.end_ms} ms after the last sound"
        return [Line(message.at_ms, channel.name, text, channel.role, is_remark=True)]

    @_take.register
    def _(self, message: Interruption) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        other = self._channels.get(message.interrupted_channel)
        name = other.name if other else "the other party"
        ending = f", {name} fell silent" if message.is_yielded else ""
        text = f"interrupts {name} ({message.overlap_ms} ms of overlap{ending})"
        return [Line(message.at_ms, channel.name, text, channel.role, is_remark=True)]

    @_take.register
    def _(self, message: FinalizedCall) -> list[Line]:
        self.finalized = message
        self.clock_ms = max(self.clock_ms, message.metrics.duration_ms)
        for channel in self._channels.values():
            channel.is_speech = False
            channel.end_probability = 0.0
            channel.clear()
        return []

    @_take.register
    def _(self, message: CallClassified) -> list[Line]:
        if message.is_shadow or (message.is_provisional and self.finalized is not None):
            return []  # only compared, or late: the call is over
        if not message.is_provisional:
            self.classified = message
        kind = "labels so far" if message.is_provisional else "labels"
        text = f"{kind} ({message.label_set}): {labels_text(message)}"
        return [Line(self.clock_ms, "", printable(text), is_remark=True)]

    @_take.register
    def _(self, message: CallInsights) -> list[Line]:
        if message.is_shadow or (message.is_provisional and self.finalized is not None):
            return []
        if not message.is_provisional:
            self.insights = message
        kind = "insights so far" if message.is_provisional else "insights"
        text = f"{kind} ({message.guide}): {insights_text(message)}"
        return [Line(self.clock_ms, "", printable(text), is_remark=True)]

    def _channel(self, number: int, party: Party) -> ChannelState:
        known = self._channels.get(number)
        if known is None:
            is_second = any(channel.party == party for channel in self._channels.values())
            name = f"{party} {number}" if is_second or party == "unknown" else party
            role: Role = "second" if is_second else party
            known = self._channels[number] = ChannelState(party, name, role)
        return known
