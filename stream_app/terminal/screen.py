"""Screens of calls: live on a terminal, as plain lines, or as JSON lines."""

import sys
from typing import Any, Protocol

import msgspec
import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from schemas.audio import AudioChunk, AudioMessage
from schemas.base import Message
from stream_app.live.call_view import CallView, Line
from stream_app.live.following import Arrival
from stream_app.logs.printable import printable, printable_json
from stream_app.terminal.drawing import drawn_line, panel, plain_line

_FRAMES_PER_SECOND = 12
_MAX_PANELS = 3  # calls on the changing part of the screen at once


class Screen(Protocol):
    """Where calls are shown."""

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Show a message and the lines that it adds."""
        ...

    def show(self, views: list[CallView]) -> None:
        """Show the present state of calls, the latest last."""
        ...

    def say(self, text: str) -> None:
        """Say what the program is doing."""
        ...

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        ...

    def conclude(self, drawn: RenderableType, values: dict[str, Any]) -> None:
        """Show the result of the program, drawn or as JSON values."""
        ...

    def close(self) -> None:
        """Stop changing the screen; may be called twice."""
        ...


class TerminalScreen:
    """Lines that stay scroll up; below them, a few lines change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console,
            refresh_per_second=_FRAMES_PER_SECOND,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Print the lines above the changing part."""
        del arrival
        for line in lines:
            self._console.print(drawn_line(line))

    def show(self, views: list[CallView]) -> None:
        """Draw the latest calls anew."""
        latest = sorted(views[-_MAX_PANELS:], key=lambda view: view.call_id)  # keeps its row
        rows = [row for view in latest for row in panel(view, self._console.options)]
        # drawn by a thread, so it gets nothing that changes; the cursor rests on an empty line,
        # where the terminal's echo of Ctrl-C cannot push the rows down
        self._live.update(Group(*rows, Text()))

    def say(self, text: str) -> None:
        """Show ``text`` in the changing part."""
        self._live.update(Spinner("dots", _told(text)))

    def note(self, text: str) -> None:
        """Print ``text`` above the changing part."""
        self._console.print(_told(text), style="dim")

    def conclude(self, drawn: RenderableType, values: dict[str, Any]) -> None:
        """Print the result instead of the changing part."""
        del values
        self._live.update(Text())
        self._live.stop()
        self._console.print(drawn)

    def close(self) -> None:
        """Leave the terminal as it was, with its cursor."""
        self._live.stop()


class PlainScreen:
    """One line for everything that stays; for pipes, files and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = ""

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Print the lines."""
        del arrival
        for line in lines:
            self._console.print(Text(plain_line(line)), soft_wrap=True)

    def show(self, views: list[CallView]) -> None:
        """Show nothing: what changes cannot be printed."""

    def say(self, text: str) -> None:
        """Print ``text``, unless that was the last thing said."""
        if text != self._said:
            self.note(text)
            self._said = text

    def note(self, text: str) -> None:
        """Print ``text``."""
        self._console.print(_told(text), soft_wrap=True)

    def conclude(self, drawn: RenderableType, values: dict[str, Any]) -> None:
        """Print the result."""
        del values
        self._console.print(drawn)

    def close(self) -> None:
        """Do nothing: everything has been printed."""


class JsonScreen:
    """Every message but audio as one JSON object a line on stdout, which gets nothing else."""

    def __init__(self, notes: Console) -> None:
        self._notes = PlainScreen(notes)

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Write the message."""
        del lines
        if arrival.message is None or isinstance(arrival.message, AudioChunk):
            return
        write_json_line(
            {
                "topic": arrival.topic,
                "arrived_at_ns": arrival.arrived_at_ns,
                **message_values(arrival.message),
            }
        )

    def show(self, views: list[CallView]) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Write ``text`` beside the events."""
        self._notes.say(text)

    def note(self, text: str) -> None:
        """Write ``text`` beside the events."""
        self._notes.note(text)

    def conclude(self, drawn: RenderableType, values: dict[str, Any]) -> None:
        """Write the values as the last object."""
        del drawn
        write_json_line(values)

    def close(self) -> None:
        """Do nothing: everything has been written."""


def message_values(message: Message | AudioMessage) -> dict[str, Any]:
    """Return the message as JSON values, its schema first."""
    values: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(message))
    return {"schema": message.__struct_config__.tag, **values}


def write_json_line(values: dict[str, Any]) -> None:
    """Write one line to stdout at once, so that a reader behind a pipe sees it live."""
    line = printable_json(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.write(line.encode())
    sys.stdout.buffer.flush()


def _told(text: str) -> Text:
    return Text("\n".join(printable(line) for line in text.split("\n")))


def open_screen(console: Console, notes: Console, *, is_json: bool) -> Screen:
    """Return the screen that fits: JSON if asked for, else live on a terminal, else plain.

    Args:
        console: Standard output.
        notes: Standard error, for all that is not an event.
        is_json: Whether JSON is asked for.
    """
    if is_json:
        return JsonScreen(notes)
    return TerminalScreen(console) if console.is_terminal else PlainScreen(console)
