"""Whatever comes when, and however seldom the log is looked at: no answer is out of its bounds."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.transport import log_clock
from stream_app.transport.log_clock import BACKLOG_AGE_NS, LogClock

NOW = 10**15
APPENDS = st.lists(st.integers(0, 500), min_size=1, max_size=60).map(accumulate).map(list)
LOOKS = st.lists(st.integers(1, 900), min_size=1, max_size=30).map(accumulate).map(list)
LIMITS = st.sampled_from([3, 6, 512])


def look_at(appends: Sequence[int], looks: Sequence[int], limit: int) -> tuple[LogClock, list[int]]:
    """Return the clock of a log to which a message came at each time of ``appends``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_clock, "MAX_SIGHTINGS", limit)
        clock = LogClock()
        ends = [bisect_right(appends, at) for at in looks]
        for end, at in zip(ends, looks, strict=True):
            clock.note(end, at)
    return clock, ends


@given(appends=APPENDS, looks=LOOKS, limit=LIMITS)
def test_a_message_came_between_the_looks_around_it(
    appends: list[int], looks: list[int], limit: int
) -> None:
    clock, ends = look_at(appends, looks, limit)
    for offset, came in enumerate(appends):
        arrived = clock.arrived_ns(offset, NOW)
        if offset < ends[0]:
            assert clock.is_backlog(offset)
            assert arrived == looks[0] - BACKLOG_AGE_NS
        elif offset >= ends[-1]:
            assert arrived == NOW
        elif limit == 512:
            before = max(at for at, end in zip(looks, ends, strict=True) if end <= offset)
            after = min(at for at, end in zip(looks, ends, strict=True) if end > offset)
            assert before <= arrived <= after
            assert before <= came <= after
        else:
            assert looks[0] <= arrived <= looks[-1]


@given(appends=APPENDS, looks=LOOKS, limit=LIMITS)
def test_what_came_before_the_time_read_through_has_been_read(
    appends: list[int], looks: list[int], limit: int
) -> None:
    """And at the end of the log that time is the last look."""
    clock, ends = look_at(appends, looks, limit)
    for position in range(len(appends) + 1):
        through = clock.read_through_ns(position)
        if position < ends[0]:
            assert through is None
            continue
        assert through is not None
        assert all(offset < position for offset, came in enumerate(appends) if came <= through)
        if position >= ends[-1]:
            assert through == looks[-1]


@given(appends=APPENDS, looks=LOOKS, data=st.data())
def test_reading_on_changes_no_answer_about_what_is_unread(
    appends: list[int], looks: list[int], data: Any
) -> None:
    """What is forgotten concerns messages before the position alone."""
    clock, _ = look_at(appends, looks, 512)
    untouched, _ = look_at(appends, looks, 512)
    position = data.draw(st.integers(0, len(appends)))

    clock.read_through_ns(position)

    for offset in range(position, len(appends)):
        assert clock.arrived_ns(offset, NOW) == untouched.arrived_ns(offset, NOW)


def test_a_clock_that_is_put_back_turns_nothing_around() -> None:
    """The time of an answer is told by the wall clock of this machine."""
    clock = LogClock()
    clock.note(5, 1_000)
    clock.note(5, 400)
    clock.note(8, 300)

    assert clock.read_through_ns(5) == 1_000
    assert clock.arrived_ns(6, NOW) == 1_000


def test_a_backlog_of_hours_takes_bounded_memory() -> None:
    clock = LogClock()
    for number in range(100_000):
        clock.note(number, number)

    assert len(clock._sightings) <= log_clock.MAX_SIGHTINGS
    assert clock.read_through_ns(99_999) == 99_999
