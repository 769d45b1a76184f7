"""Admission of new calls: the open ones of a process are bounded, whatever a gateway sends."""

import time
from collections.abc import Callable

ALERT_INTERVAL_S = 60.0


class Admission:
    """Says which new calls are taken, and when it is worth an alert that one is not.

    Args:
        max_open_calls: Beyond it the input of calls that are not open yet is refused.
        clock_s: A monotonic clock.
    """

    def __init__(self, max_open_calls: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.max_open_calls = max_open_calls
        self._clock_s = clock_s
        self._alerted_s: float | None = None

    @property
    def reason(self) -> str:
        """Why input is refused."""
        return f"more than {self.max_open_calls} calls would be open"

    def admits(self, open_calls: int) -> bool:
        """Return whether one more call may open."""
        return open_calls < self.max_open_calls

    def is_alert_due(self) -> bool:
        """Return whether an alert may be sent; one a minute is, and this counts as sent."""
        now_s = self._clock_s()
        if self._alerted_s is not None and now_s - self._alerted_s < ALERT_INTERVAL_S:
            return False
        self._alerted_s = now_s
        return True
