"""The events of a call's channels in one order, that of the audio clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from schemas.base import Party
from stream_app.calls.transcribe.segmenter.segments import Activity, NewOrigin, Segment


@dataclass(frozen=True, slots=True)
class PartialAsked:
    """A partial was asked for here; its message belongs here in a deterministic lane."""

    at_ms: int
    partial_id: str


@dataclass(frozen=True, slots=True)
class PartyActivity:
    """Activity of a channel, and whose channel it was then."""

    activity: Activity
    party: Party

    @property
    def at_ms(self) -> int:
        """Return its audio clock."""
        return self.activity.at_ms


LaneEvent = PartyActivity | Segment | NewOrigin | PartialAsked


class ChannelMerge:
    """Merges the events of a call's channels by audio clock, then channel.

    An event waits until every channel has been heard up to its time, so that the order does not
    depend on how the audio was cut into chunks.

    Args:
        channels: How many there are.
    """

    def __init__(self, channels: int) -> None:
        self._queue: list[tuple[int, int, int, LaneEvent]] = []
        self._latest_ms = [0] * channels
        self._pushed = 0

    def push(self, channel: int, event: LaneEvent) -> None:
        """Take in the next event of a channel."""
        latest_ms = self._latest_ms[channel] = max(self._latest_ms[channel], event.at_ms)
        self._pushed += 1
        heappush(self._queue, (latest_ms, channel, self._pushed, event))

    def pop(self, heard_ms: int | None = None) -> Iterator[tuple[int, LaneEvent]]:
        """Yield (channel, event) up to what every channel has heard; all of them without one."""
        while self._queue and (heard_ms is None or self._queue[0][0] <= heard_ms):
            _, channel, _, event = heappop(self._queue)
            yield channel, event
