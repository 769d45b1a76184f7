"""A call's deterministic lane: its channels merged by the audio clock, finals in place.

Two things hold an event back. It waits until every channel has been heard up to its time, so
that the order does not depend on how the audio was cut into chunks; and it waits for the finals
before it, which take as long as the recognizer takes.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from schemas.base import Party
from stream_app.calls.effects import Effect
from stream_app.calls.segmenter import Activity, Rebuild, Segment


@dataclass(frozen=True, slots=True)
class PartialPlace:
    """A partial belongs here, once the recognizer has made it."""

    at_ms: int
    place: str


@dataclass(frozen=True, slots=True)
class PartyActivity:
    """Activity of a channel, and whose channel it was then."""

    activity: Activity
    party: Party

    @property
    def at_ms(self) -> int:
        """Return its audio clock."""
        return self.activity.at_ms


LaneEvent = PartyActivity | Segment | Rebuild | PartialPlace


@dataclass(order=True, slots=True)
class _Queued:
    at_ms: int
    channel: int
    place: int
    event: LaneEvent = field(compare=False)


class ChannelMerge:
    """Merges the events of a call's channels by audio clock, then channel.

    Args:
        channels: How many there are.
    """

    def __init__(self, channels: int) -> None:
        self._queue: list[_Queued] = []
        self._latest_ms = [0] * channels
        self._place = 0

    def push(self, channel: int, event: LaneEvent) -> None:
        """Take in the next event of a channel."""
        self._latest_ms[channel] = max(self._latest_ms[channel], event.at_ms)
        self._place += 1
        heappush(self._queue, _Queued(self._latest_ms[channel], channel, self._place, event))

    def pop(self, heard_ms: int | None = None) -> Iterable[tuple[int, LaneEvent]]:
        """Yield (channel, event) up to what every channel has heard; all of them without one."""
        while self._queue and (heard_ms is None or self._queue[0].at_ms <= heard_ms):
            queued = heappop(self._queue)
            yield queued.channel, queued.event


class OrderedEffects:
    """Releases effects in their order, each once the results before it have come."""

    def __init__(self) -> None:
        self._queue: deque[Effect | str] = deque()
        self._resolved: dict[str, Effect | None] = {}

    def __len__(self) -> int:
        """Return how many effects are held back."""
        return len(self._queue)

    def push(self, effect: Effect) -> None:
        """Take in an effect that is complete."""
        self._queue.append(effect)

    def await_result(self, place: str) -> None:
        """Keep a place, named uniquely, for what the recognizer has not made yet."""
        self._queue.append(place)

    def resolve(self, place: str, effect: Effect | None) -> None:
        """Fill a place that is kept or will be; with None nothing comes there."""
        self._resolved[place] = effect

    def release(self) -> list[Effect]:
        """Return the effects that nothing holds back any more."""
        released: list[Effect] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, str):
                if head not in self._resolved:
                    break
                effect = self._resolved.pop(head)
            else:
                effect = head
            if effect is not None:
                released.append(effect)
            self._queue.popleft()
        return released
