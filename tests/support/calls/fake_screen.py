"""A screen that keeps what it is given."""

from typing import Any

from rich.console import RenderableType

from schemas import catalogue
from stream_app.live.call_view import CallView, Line
from stream_app.live.following import Arrival
from stream_app.terminal.drawing import plain_line
from tests.support.calls.call_messages import CALL, at_ns


class FakeScreen:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.shown: list[CallView] = []

    def add(self, arrival: Arrival, lines: list[Line]) -> None:
        """Keep the lines."""
        del arrival
        self.lines += [plain_line(line) for line in lines]

    def show(self, views: list[CallView]) -> None:
        """Keep the views."""
        self.shown = views

    def say(self, text: str) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""

    def conclude(self, drawn: RenderableType, values: dict[str, Any]) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Ignore it."""


def arrival(message: object, ms: float = 0, topic: str = catalogue.TRANSCRIPTS) -> Arrival:
    """Return a message of the call as a consumer gets it."""
    return Arrival(topic, CALL, message, at_ns(ms))  # type: ignore[arg-type]
