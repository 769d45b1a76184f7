"""Closed calls of one partition: a small record each, forgotten once their input is gone."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from schemas.catalogue import DAY_MS
from stream_app.calls.ended_call import EndedCall

MAX_CLOSED_CALLS = 200_000  # of a partition: at 350 bytes each they hold 70 MB

log = structlog.get_logger(__name__)


def wall_clock_ms() -> int:
    """Return the time (Unix, ms)."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class _ClosedCall:
    ended: EndedCall
    closed_at_ms: int


class ClosedCalls:
    """Where the closed calls of a partition ended.

    Args:
        kept_ms: How long a call is remembered; at least as long as its input can be read again.
        now_ms: The wall clock (Unix, ms).
    """

    def __init__(self, kept_ms: int = DAY_MS, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._kept_ms = kept_ms
        self._now_ms = now_ms
        self._calls: OrderedDict[str, _ClosedCall] = OrderedDict()
        self._is_told = False

    def __len__(self) -> int:
        """Return how many calls are remembered."""
        return len(self._calls)

    def __contains__(self, call_id: str) -> bool:
        """Return whether the call is known to be closed."""
        return call_id in self._calls

    def get(self, call_id: str) -> EndedCall | None:
        """Return where a call ended, None if it is not known to have ended."""
        found = self._calls.get(call_id)
        return found.ended if found is not None else None

    def add(self, call_id: str, ended: EndedCall, closed_at_ms: int | None = None) -> None:
        """Remember a call, by default one that closes now, and forget those whose time is over.

        Args:
            call_id: Of the call.
            ended: Where it ended.
            closed_at_ms: When it was closed, in the order of the calls that are added.
        """
        at_ms = self._now_ms() if closed_at_ms is None else closed_at_ms
        self._calls[call_id] = _ClosedCall(ended, at_ms)
        self._calls.move_to_end(call_id)
        self._forget_expired()

    def clear(self) -> None:
        """Forget all of them."""
        self._calls.clear()

    def _forget_expired(self) -> None:
        horizon_ms = self._now_ms() - self._kept_ms
        while self._calls and self._is_over(next(iter(self._calls.values())), horizon_ms):
            self._calls.popitem(last=False)

    def _is_over(self, oldest: _ClosedCall, horizon_ms: int) -> bool:
        if oldest.closed_at_ms < horizon_ms:
            return True
        is_too_many = len(self._calls) > MAX_CLOSED_CALLS
        if is_too_many and not self._is_told:
            self._is_told = True
            log.warning("closed_calls.forgotten_early", limit=MAX_CLOSED_CALLS)
        return is_too_many
