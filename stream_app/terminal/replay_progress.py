"""Progress of a replay: bars on a terminal; lines elsewhere, one for each call that ended too."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID
from rich.text import Text

from models.console import WorkProgress, description_column
from stream_app.logs.printable import printable
from stream_app.replay.session import ReplayedCall
from stream_app.terminal.clock_text import whole_seconds_text

_MAX_ROWS = 12  # bars of single calls at once; the others only move the total


class ReplayProgress:
    """Listener that writes to ``console``; failures and notices get a line each."""

    def __init__(self, console: Console, total_calls: int) -> None:
        self._console = console
        self._total_calls = total_calls
        self._finished_calls = 0
        self._rows: dict[str, TaskID] = {}
        self._progress = WorkProgress(
            description_column(),
            BarColumn(bar_width=None),
            _AudioColumn(),
            console=console,
            expand=True,
            transient=True,
        )
        self._total_row = self._progress.add_task(
            "calls", total=total_calls, unit="calls", visible=total_calls > 1
        )

    def __enter__(self) -> Self:
        """Show the bars."""
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bars away."""
        self._progress.stop()

    def started(self, call_id: str, total_ms: int | None) -> None:
        """Give the call a bar, while there is room for one."""
        if len(self._rows) < _MAX_ROWS:
            self._rows[call_id] = self._progress.add_task(
                printable(call_id), total=total_ms, unit="ms"
            )

    def advanced(self, call_id: str, audio_ms: int) -> None:
        """Move the call's bar."""
        row = self._rows.get(call_id)
        if row is not None:
            self._progress.update(row, completed=audio_ms)

    def finished(self, call: ReplayedCall) -> None:
        """Take the call's bar away, and print its notices and its end."""
        self._finished_calls += 1
        row = self._rows.pop(call.call_id, None)
        if row is not None:
            self._progress.remove_task(row)
        self._progress.update(self._total_row, completed=self._finished_calls)
        for notice in call.notices:
            self.print_line("note", "yellow", notice)
        if call.problem:
            self.print_line("failed", "red", call.problem)
        else:
            self.print_line(
                "replayed", "green", f"{call.call_id} ({whole_seconds_text(call.audio_ms)})"
            )

    def print_line(self, word: str, colour: str, text: str) -> None:
        """Print one line above the bars."""
        line = Text.assemble((f"{word:8} ", colour), printable(text))
        self._console.print(line, soft_wrap=True, highlight=False)


class _AudioColumn(ProgressColumn):
    """``0:12 / 1:21`` for a call, ``3 / 40`` for all of them."""

    def render(self, task: Task) -> Text:
        if task.fields.get("unit") == "calls":
            return Text(f"{task.completed:.0f} / {task.total:.0f}")
        total = f" / {whole_seconds_text(task.total)}" if task.total is not None else ""
        return Text(f"{whole_seconds_text(task.completed)}{total}")
