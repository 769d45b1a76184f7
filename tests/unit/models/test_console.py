"""Long work tells how far it is, on a terminal and elsewhere; text in brackets stays."""

import io

from rich.progress import BarColumn, DownloadColumn
from rich.table import Table

from models.console import (
    LINE_SECONDS,
    WorkProgress,
    description_column,
    text_console,
    tracked,
)


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the time of the test."""
        return self.seconds


def lines(file: io.StringIO) -> list[str]:
    return file.getvalue().splitlines()


def test_a_line_says_every_few_seconds_how_far_work_is() -> None:
    """Without a terminal there is nothing to redraw: no bar, no control codes."""
    file, clock = io.StringIO(), Clock()
    with WorkProgress(console=text_console(file=file), now=clock) as progress:
        row = progress.add_task("general [1/4]", total=100)
        for _ in range(25):
            clock.seconds += 1
            progress.advance(row)

    assert lines(file) == [
        "general [1/4]  10%  0:00:10  0:01:30 left",
        "general [1/4]  20%  0:00:20  0:01:20 left",
    ]


def test_quick_work_says_nothing() -> None:
    file, clock = io.StringIO(), Clock()

    with WorkProgress(console=text_console(file=file), now=clock) as progress:
        row = progress.add_task("general", total=3)
        for _ in range(3):
            clock.seconds += LINE_SECONDS / 4
            progress.update(row, advance=1)

    assert lines(file) == []


def test_work_without_an_end_is_told_when_it_begins() -> None:
    """It may not move for minutes."""
    file = io.StringIO()

    with WorkProgress(console=text_console(file=file), now=Clock()) as progress:
        progress.add_task("warming up", total=None)
        progress.add_task("", total=None)

    assert lines(file) == ["warming up  0:00:00"]


def test_a_line_has_what_the_columns_say() -> None:
    file, clock = io.StringIO(), Clock()
    columns = (description_column(), BarColumn(), DownloadColumn())
    with WorkProgress(*columns, console=text_console(file=file), now=clock) as progress:
        row = progress.add_task("minilm", total=90_000_000)
        clock.seconds += LINE_SECONDS
        progress.update(row, completed=45_000_000)

    assert lines(file) == ["minilm  45.0/90.0 MB"]


def test_a_terminal_gets_bars_and_no_lines() -> None:
    console, clock = text_console(file=io.StringIO()), Clock()
    console._force_terminal = True
    with WorkProgress(console=console, now=clock) as progress:
        row = progress.add_task("general [1/4]", total=4)
        clock.seconds += LINE_SECONDS
        progress.advance(row)
        progress.tell(row)

    assert isinstance(console.file, io.StringIO)
    drawn = console.file.getvalue()
    assert "general [1/4]" in drawn
    assert "\x1b[" in drawn
    assert "left" not in drawn


def test_tracked_items_all_come() -> None:
    assert [*tracked([3, 1, 2], "items")] == [3, 1, 2]


def test_a_table_keeps_what_stands_in_brackets() -> None:
    """Names of models and errors may hold any text."""
    file, table = io.StringIO(), Table("model [/a]", title="callstream[torch]")
    table.add_row("needs callstream[peers] :smile:")

    text_console(file=file).print(table)

    said = file.getvalue()
    for text in ("model [/a]", "callstream[torch]", "callstream[peers] :smile:"):
        assert text in said
