"""A closed call is remembered for as long as its input can come again, and costs little."""

import gc
import tracemalloc

import pytest

from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory import closed_calls
from stream_app.runtime.memory.closed_calls import ClosedCalls

KEPT_MS = 1_000


class Clock:
    """A wall clock that the test moves."""

    now_ms = 0

    def __call__(self) -> int:
        """Return the time."""
        return self.now_ms


def test_calls_are_forgotten_in_their_order_once_their_time_is_over() -> None:
    clock = Clock()
    closed = ClosedCalls(KEPT_MS, clock)
    for clock.now_ms in range(5_000):
        closed.add(str(clock.now_ms), EndedCall(clock.now_ms))

    assert len(closed) == KEPT_MS + 1
    assert closed.get("4998") == EndedCall(4_998)
    assert "3998" not in closed
    assert closed.get("3998") is None
    assert "3999" in closed


def test_what_was_closed_by_another_worker_keeps_its_own_time() -> None:
    clock = Clock()
    closed = ClosedCalls(KEPT_MS, clock)
    clock.now_ms = 5_000
    closed.add("expired", EndedCall(1), 3_999)
    closed.add("kept", EndedCall(2), 4_000)

    assert "expired" not in closed
    assert "kept" in closed


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes first."""
    monkeypatch.setattr(closed_calls, "MAX_CLOSED_CALLS", 3)
    closed = ClosedCalls(KEPT_MS, Clock())
    for name in "abcde":
        closed.add(name, EndedCall(0))

    assert [name for name in "abcde" if name in closed] == ["c", "d", "e"]


def test_a_hundred_thousand_of_them_hold_less_than_a_kibibyte_each() -> None:
    clock = Clock()
    closed = ClosedCalls(10**9, clock)
    gc.collect()
    tracemalloc.start()
    try:
        for n in range(100_000):
            clock.now_ms = 1_764_000_000_000 + n
            closed.add(f"tenant-7/queue-3/call-{n:032d}", EndedCall(10_000_000_000 + n))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(closed) == 100_000
    assert held / len(closed) < 1024
