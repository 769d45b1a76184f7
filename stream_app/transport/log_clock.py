"""Arrival times of messages in the log of a partition, by the clock of this process.

Neither a gateway's clock nor a broker's is asked: every answer to a fetch tells where the log
ended, so a message came between the last end at or before it and the first end behind it.
"""

import time
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter

from aiokafka import AIOKafkaConsumer
from faust.types import TP

NS_PER_MS = 1_000_000
NS = 1_000_000_000
BACKLOG_AGE_NS = 3_600 * NS  # taken for what stood in the log before anything was seen of it
MAX_SIGHTINGS = 512  # beyond, every second one is dropped: answers get coarser, never wrong


@dataclass(frozen=True, slots=True)
class ReadingState:
    """How far a partition is read.

    Attributes:
        position: Offset of the next message to read.
        end: Offset behind the last message, as the brokers last said.
        seen_ns: When they did, by the monotonic clock.
    """

    position: int
    end: int
    seen_ns: int


def reading_states(consumer: AIOKafkaConsumer) -> dict[TP, ReadingState]:
    """Return how far each partition is read, without those not fetched from yet."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - there is no public way
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    to_monotonic_ns = time.monotonic_ns() - time.time_ns()
    states = ((tp, assignment.state_value(tp)) for tp in assignment.tps)
    return {
        TP(tp.topic, tp.partition): ReadingState(
            state.position, state.highwater, state.timestamp * NS_PER_MS + to_monotonic_ns
        )
        for tp, state in states
        if state is not None and state.has_valid_position and state.timestamp is not None
    }


@dataclass(slots=True)
class _Sighting:
    """An end of the log, with the first and the last time at which it was just that."""

    end: int
    first_ns: int
    last_ns: int


_END = attrgetter("end")


class LogClock:
    """Sightings of the end of one partition's log in one generation."""

    def __init__(self) -> None:
        self._sightings: list[_Sighting] = []

    def note(self, end: int, seen_ns: int) -> None:
        """Take in where the log ended.

        Args:
            end: Offset behind the last message.
            seen_ns: When it ended there, on a clock that never runs backwards.
        """
        last = self._sightings[-1] if self._sightings else None
        if last is None or end > last.end:
            seen_ns = max(seen_ns, last.last_ns) if last is not None else seen_ns
            self._sightings.append(_Sighting(end, seen_ns, seen_ns))
        elif end == last.end:
            last.last_ns = max(last.last_ns, seen_ns)
        if len(self._sightings) > MAX_SIGHTINGS:
            del self._sightings[1:-1:2]

    def arrived_ns(self, offset: int, now_ns: int) -> int:
        """Return when a message came; those between two sightings are taken to have come evenly.

        What stood in the log before the first sighting is taken for an hour old.
        """
        behind = bisect_right(self._sightings, offset, key=_END)
        if behind == len(self._sightings):
            return now_ns
        after = self._sightings[behind]
        if behind == 0:
            return after.first_ns - BACKLOG_AGE_NS
        before = self._sightings[behind - 1]
        between_ns = after.first_ns - before.last_ns
        share = (offset + 1 - before.end) / (after.end - before.end)
        return before.last_ns + int(between_ns * share)

    def is_backlog(self, offset: int) -> bool:
        """Return whether a message stood in the log before anything was seen of it."""
        return bool(self._sightings) and offset < self._sightings[0].end

    def read_through_ns(self, position: int) -> int | None:
        """Return the time up to which the log has been read, None while that is not known.

        Everything that was on the log then lies before ``position``. Sightings before that are
        forgotten: `arrived_ns` is for messages at or behind the position.
        """
        found = bisect_right(self._sightings, position, key=_END) - 1
        if found < 0:
            return None
        del self._sightings[:found]
        return self._sightings[0].last_ns
