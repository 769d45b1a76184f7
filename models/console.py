"""Text on a terminal as it is, and the progress of long work on a terminal or anywhere else.

It lies here since the command lines of `stream_app` and `training` both write with it.
"""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.progress import ProgressColumn, Task

ItemT = TypeVar("ItemT")
LINE_SECONDS = 10.0  # between two lines where there is no terminal


def text_console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """Return a console that takes no word in brackets for a style: ``callstream[torch]`` stays."""
    return Console(stderr=stderr, file=file, markup=False, emoji=False)


def description_column() -> ProgressColumn:
    """Return the column of what a row is about."""
    return TextColumn("{task.description}", markup=False)


class WorkProgress(Progress):
    """Bars on a terminal; elsewhere a plain line now and then, with what the bars would say.

    Args:
        columns: Of a row; by default what it is, the bar, how far it is and how long it takes.
        console: By default that of standard error, so that results alone go to standard output.
        transient: The bars go away at the end.
        now: Monotonic clock in seconds.
    """

    def __init__(
        self,
        *columns: ProgressColumn,
        console: Console | None = None,
        transient: bool = False,
        expand: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        console = console or text_console(stderr=True)
        super().__init__(
            *(columns or _default_columns()),
            console=console,
            transient=transient,
            expand=expand,
            get_time=now,
            disable=not console.is_terminal,
        )
        self._now = now
        self._last_line_s = now()

    def add_task(self, *arguments: Any, **settings: Any) -> TaskID:
        """Add a row; see `rich.progress.Progress.add_task`. One without an end is told at once."""
        row = super().add_task(*arguments, **settings)
        task = self._tasks[row]
        if task.description and task.total is None:
            self.tell(row)
        return row

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a row; see `rich.progress.Progress.update`."""
        super().update(task_id, **changes)
        self._tell_sometimes(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Move a row on; see `rich.progress.Progress.advance`."""
        super().advance(task_id, advance)
        self._tell_sometimes(task_id)

    def tell(self, task_id: TaskID) -> None:
        """Write a row as a line now, where there is no terminal."""
        if not self.disable:
            return
        self._last_line_s = self._now()
        with self._lock:
            line = self._line(self._tasks[task_id])
        self.console.print(Text(line), soft_wrap=True, highlight=False)

    def _tell_sometimes(self, task_id: TaskID) -> None:
        if self.disable and self._now() - self._last_line_s >= LINE_SECONDS:
            self.tell(task_id)

    def _line(self, task: Task) -> str:
        """Return what the columns of text show."""
        texts = [_text(column, task) for column in self.columns if not isinstance(column, str)]
        return "  ".join(text for text in texts if text)


def tracked(items: Sequence[ItemT], description: str) -> Iterator[ItemT]:
    """Yield items, and show meanwhile how many of them are done."""
    with WorkProgress() as progress:
        yield from progress.track(items, description=description)


def _text(column: ProgressColumn, task: Task) -> str:
    """Return what a column writes; nothing for a drawing, or for what is not known yet."""
    shown = column(task)
    text = "" if isinstance(column, SpinnerColumn) or not isinstance(shown, Text) else shown.plain
    if not any(symbol.isalnum() for symbol in text):
        return ""
    return f"{text.strip()} left" if isinstance(column, TimeRemainingColumn) else text.strip()


def _default_columns() -> tuple[ProgressColumn, ...]:
    return (
        description_column(),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
