"""A replay prints one line for each call, with nothing that a terminal obeys."""

import io

from rich.console import Console

from stream_app.replay.session import ReplayedCall
from stream_app.terminal.replay_progress import ReplayProgress


def test_names_of_files_move_no_cursor() -> None:
    """A recording may be called anything, and its name is part of the call id."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    name = "order\x1b[2J\u202e\x9b1A"
    with ReplayProgress(console, 2) as progress:
        progress.started(name, 8_000)
        progress.finished(ReplayedCall(name, 8_000, notices=(f"{name}: odd",)))
        progress.finished(ReplayedCall(name, problem=f"{name}: no audio"))

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "note     order: odd",
        "replayed order (0:08)",
        "failed   order: no audio",
    ]
