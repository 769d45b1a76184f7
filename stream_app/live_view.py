"""A call as a person watches it: what has been said for good, and what is being said.

`CallView` is a pure function of the messages it is fed: no clock, no terminal. It returns the
lines that stay, and offers the part of the screen that changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatchmethod

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

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
from schemas.transcripts import SpeechActivity, TranscriptFinal, TranscriptPartial
from schemas.turns import FinalizedCall, Interruption, TurnEnded, TurnEndPredicted
from stream_app.printable import printable

_PARTY_COLOURS: dict[Party, str] = {"agent": "cyan", "customer": "green", "unknown": "magenta"}
_SECOND_CHANNEL_COLOUR = "yellow"  # where two channels have the same party
_TIME_WIDTH = 8
_PARTY_WIDTH = 10
_PANEL_LINES = 2  # of partial words of a channel
_TALL_PANEL_LINES = 3
_TALL_HEIGHT = 40
_TURN_END_REASONS = {
    "semantic": "complete",
    "silence": "silence",
    "ceiling": "long silence",
    "interrupted": "interrupted",
    "stall": "no audio",
    "call_ended": "end of the call",
}

_DECIDED_BY_WAITING = {"semantic", "silence", "ceiling"}


def clock_text(at_ms: int) -> str:
    """Return ``m:ss.t`` or ``h:mm:ss.t``."""
    minutes, ms = divmod(at_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms // 1000:02}.{ms % 1000 // 100}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that stays on the screen.

    Attributes:
        at_ms: Audio clock of what it tells.
        party: Who it is about; empty for the whole call.
        is_remark: About the call, not words of it.
    """

    at_ms: int
    party: str
    text: str
    colour: str = "default"
    is_remark: bool = False

    @property
    def plain(self) -> str:
        """The line without colours, for pipes and files."""
        mark = "- " if self.is_remark else ""
        text = printable(f"{self.party:{_PARTY_WIDTH}}{mark}{self.text}")
        return f"{clock_text(self.at_ms):>{_TIME_WIDTH}}  {text}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the line with its text indented below itself."""
        style = "dim" if self.is_remark else self.colour
        yield _grid(
            Text(clock_text(self.at_ms), style="dim"),
            Text(printable(self.party), style=self.colour),
            Text(printable(self.text), style=style),
        )


@dataclass(slots=True)
class ChannelState:
    """What a channel is saying."""

    party: Party
    name: str
    colour: str
    is_speech: bool = False
    segment_id: str = ""
    words: tuple[str, ...] = ()
    stable_words: int = 0
    end_probability: float = 0.0  # foretold of the open turn; 0 where nothing is
    segments: set[str] = field(default_factory=set)  # of the open turn: late partials are ignored

    def clear(self) -> None:
        """Forget the words of the segment."""
        self.segment_id, self.words, self.stable_words = "", (), 0


class CallView:
    """The state of one call, as seen in the messages fed so far.

    Attributes:
        finalized: The finalized call, once it has come.
        clock_ms: How far the audio clock has come.
    """

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.finalized: FinalizedCall | None = None
        self.clock_ms = 0
        self.is_held = False
        self._channels: dict[int, ChannelState] = {}
        self._first_arrival_ns = 0
        self._last_arrival_ns = 0

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
        channel = self._channel(message.channel, "unknown")
        text = f"pressed {message.digit}"
        return [Line(message.at_ms, channel.name, text, channel.colour, is_remark=True)]

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
            channel.words = tuple(printable(word) for word in message.text.split())
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
        return [Line(message.start_ms, channel.name, message.text.strip(), channel.colour)]

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
            return [
                Line(message.at_ms, channel.name, "backchannel", channel.colour, is_remark=True)
            ]
        text = f"end of turn: {_TURN_END_REASONS[message.reason]}"
        if message.reason in _DECIDED_BY_WAITING:
            text += f", decided {message.at_ms - message.end_ms} ms after the last sound"
        return [Line(message.at_ms, channel.name, text, channel.colour, is_remark=True)]

    @_take.register
    def _(self, message: Interruption) -> list[Line]:
        channel = self._channel(message.channel, message.party)
        other = self._channels.get(message.interrupted_channel)
        name = other.name if other else "the other party"
        ending = f", {name} fell silent" if message.is_yielded else ""
        text = f"interrupts {name} ({message.overlap_ms} ms of overlap{ending})"
        return [Line(message.at_ms, channel.name, text, channel.colour, is_remark=True)]

    @_take.register
    def _(self, message: FinalizedCall) -> list[Line]:
        self.finalized = message
        self.clock_ms = max(self.clock_ms, message.metrics.duration_ms)
        for channel in self._channels.values():
            channel.is_speech = False
            channel.end_probability = 0.0
            channel.clear()
        return []

    def _channel(self, number: int, party: Party) -> ChannelState:
        known = self._channels.get(number)
        if known is None:
            is_second = any(channel.party == party for channel in self._channels.values())
            name = f"{party} {number}" if is_second or party == "unknown" else party
            colour = _SECOND_CHANNEL_COLOUR if is_second else _PARTY_COLOURS[party]
            known = self._channels[number] = ChannelState(party, name, colour)
        return known

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the part of the screen that changes: a header, and what each channel says."""
        yield from panel(self, options)


def panel(view: CallView, options: ConsoleOptions) -> Iterator[Text | Table]:
    """Yield the changing part of the screen, never higher than a few lines."""
    yield _header(view, options.max_width)
    height = options.height or options.size.height
    lines = _TALL_PANEL_LINES if height >= _TALL_HEIGHT else _PANEL_LINES
    for channel in view.channels:
        mark = Text("● " if channel.is_speech else "  ", style=channel.colour, justify="right")
        words = _partial_words(channel, options.max_width - _TIME_WIDTH - _PARTY_WIDTH - 3, lines)
        if channel.end_probability:
            words.append(f" end of turn? {channel.end_probability:.0%}", style="dim")
        yield _grid(mark, Text(channel.name, style=f"bold {channel.colour}"), words)


def _header(view: CallView, width: int) -> Text:
    state = "finalized" if view.finalized else "on hold" if view.is_held else "live"
    facts = (
        f" {clock_text(view.clock_ms)} of audio, {clock_text(view.elapsed_ms)} elapsed, {state} "
    )
    room = max(8, width - len(facts) - 6)
    name = printable(view.call_id)
    name = name if len(name) <= room else name[: room - 1] + "…"
    line = Text.assemble(("── ", "dim"), (name, "bold"), facts)
    line.append("─" * max(0, width - line.cell_len), style="dim")
    line.truncate(width)
    return line


def _partial_words(channel: ChannelState, width: int, max_lines: int) -> Text:
    """Return the last words that fit into ``max_lines``: stable ones bright, others dim."""
    rows = _wrapped(channel.words, max(10, width))[-max_lines:]
    number = len(channel.words) - sum(len(row) for row in rows)
    text = Text()
    for row in rows:
        for word in row:
            is_stable = number < channel.stable_words
            text.append(word, style=f"bold {channel.colour}" if is_stable else "dim italic")
            number += 1
            text.append(" ")
        text.right_crop(1)
        text.append("\n")
    text.rstrip()
    return text


def _wrapped(words: tuple[str, ...], width: int) -> list[list[str]]:
    rows: list[list[str]] = []
    free = 0
    for word in words:
        if len(word) > free:
            rows.append([])
            free = width
        rows[-1].append(word)
        free -= len(word) + 1
    return rows


def _grid(first: Text, second: Text, third: Text) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=_TIME_WIDTH, justify="right", no_wrap=True)
    grid.add_column(width=_PARTY_WIDTH, no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(first, second, third)
    return grid
