"""The calls of a running system, shown as they happen."""

from schemas.base import RUN_SEPARATOR
from schemas.classification import CallClassified
from schemas.insights import CallInsights
from stream_app.live.call_view import CallView, Line
from stream_app.live.following import Arrival, Follower
from stream_app.terminal.screen import Screen

ANSWERS = (CallClassified, CallInsights)
MAX_CALLS = 200  # views kept; calls that end are forgotten first, then the oldest


class Watch:
    """A view of every call that is going on.

    Args:
        screen: Where they are shown.
        call_id: The only call to show, with or without its run; empty for all.
    """

    def __init__(self, screen: Screen, call_id: str = "") -> None:
        self._screen = screen
        self._call_id = call_id
        self._views: dict[str, CallView] = {}
        self._last_printed = ""

    def take(self, arrivals: list[Arrival]) -> None:
        """Show what has arrived."""
        for arrival in arrivals:
            if arrival.message is not None and self._is_wanted(arrival.message.call_id):
                self._screen.add(arrival, self._lines(arrival))
        if arrivals:
            self._screen.show(list(self._views.values()))

    def _is_wanted(self, call_id: str) -> bool:
        return not self._call_id or call_id == self._call_id or _run_of(self._call_id, call_id)

    def _lines(self, arrival: Arrival) -> list[Line]:
        message = arrival.message
        if message is None:
            return []
        is_known = message.call_id in self._views
        if isinstance(message, ANSWERS) and message.is_provisional and not is_known:
            return []  # late: the call is over, and nothing would end its view
        view = self._views.pop(message.call_id, None) or CallView(message.call_id)
        lines = view.feed(message, arrival.arrived_at_ns)
        if not view.is_over:
            self._views[message.call_id] = view  # the latest last
            if len(self._views) > MAX_CALLS:
                del self._views[next(iter(self._views))]
        elif view.finalized is not None:
            ended = f"{message.call_id}: finalized"
            lines.append(Line(view.clock_ms, "", ended, is_remark=True))
        return self._named(message.call_id, lines)

    def _named(self, call_id: str, lines: list[Line]) -> list[Line]:
        """Return the lines after one that names the call, if the last ones were of another."""
        if not lines:
            return []
        is_other_call = self._last_printed not in ("", call_id)
        self._last_printed = call_id
        naming = [Line(lines[0].at_ms, "", f"in {call_id}", is_remark=True)]
        return naming + lines if is_other_call else lines


def _run_of(name: str, call_id: str) -> bool:
    return call_id.startswith(f"{name}{RUN_SEPARATOR}")


async def watch(follower: Follower, screen: Screen, call_id: str = "") -> None:
    """Show calls until cancelled.

    Raises:
        BrokerError: The broker is gone.
    """
    calls = Watch(screen, call_id)
    screen.say("waiting for calls; Ctrl-C ends")
    while True:
        calls.take(await follower.next_batch())
