"""Calls drawn with rich: lines that stay, and the part of the screen that changes."""

from collections.abc import Iterator

from rich.console import ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from stream_app.live.call_view import CallView, ChannelState, Line, Role
from stream_app.logs.printable import printable
from stream_app.terminal.clock_text import clock_text

_COLOURS: dict[Role, str] = {
    "agent": "cyan",
    "customer": "green",
    "unknown": "magenta",
    "second": "yellow",
    "call": "default",
}
_TIME_WIDTH = 8
_PARTY_WIDTH = 10
_PANEL_LINES = 2  # of partial words of a channel
_TALL_PANEL_LINES = 3
_TALL_HEIGHT = 40


def plain_line(line: Line) -> str:
    """Return a line without colours, for pipes and files."""
    mark = "- " if line.is_remark else ""
    text = printable(f"{line.name:{_PARTY_WIDTH}}{mark}{line.text}")
    return f"{clock_text(line.at_ms):>{_TIME_WIDTH}}  {text}"


def drawn_line(line: Line) -> RenderableType:
    """Return a line with its text indented below itself."""
    colour = _COLOURS[line.role]
    return _grid(
        Text(clock_text(line.at_ms), style="dim"),
        Text(printable(line.name), style=colour),
        Text(printable(line.text), style="dim" if line.is_remark else colour),
    )


def panel(view: CallView, options: ConsoleOptions) -> Iterator[Text | Table]:
    """Yield the changing part of the screen, never higher than a few lines."""
    yield _header(view, options.max_width)
    height = options.height or options.size.height
    lines = _TALL_PANEL_LINES if height >= _TALL_HEIGHT else _PANEL_LINES
    for channel in view.channels:
        colour = _COLOURS[channel.role]
        mark = Text("● " if channel.is_speech else "  ", style=colour, justify="right")
        words = _partial_words(channel, options.max_width - _TIME_WIDTH - _PARTY_WIDTH - 3, lines)
        if channel.end_probability:
            words.append(f" end of turn? {channel.end_probability:.0%}", style="dim")
        yield _grid(mark, Text(channel.name, style=f"bold {colour}"), words)


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
    text, stable_style = Text(), f"bold {_COLOURS[channel.role]}"
    for row in rows:
        for word in row:
            is_stable = number < channel.stable_words
            text.append(word, style=stable_style if is_stable else "dim italic")
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
