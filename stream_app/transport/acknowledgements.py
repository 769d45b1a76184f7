"""Acknowledgements of one partition: which offset may be committed."""

from collections import deque


class AckTracker:
    """Acknowledgements of one partition in one generation.

    Only delivered offsets count, so that the holes of compacted and transactional topics neither
    block nor mislead it. The committable offset never passes a delivered message that is not
    acknowledged.

    Args:
        base: Where reading began: the committed offset, or else the first offset of the log;
            None takes the first offset delivered.
    """

    def __init__(self, base: int | None = None) -> None:
        self._watermark = base
        self._committed = base
        self._last_delivered = -1
        self._unfinished: deque[int] = deque()  # delivered, at or above the watermark, ascending
        self._open: set[int] = set()  # delivered, not acknowledged

    @property
    def last_delivered(self) -> int:
        """The highest offset delivered; -1 before the first."""
        return self._last_delivered

    @property
    def unacknowledged(self) -> int:
        """How many delivered messages are not acknowledged."""
        return len(self._open)

    def deliver(self, offset: int) -> bool:
        """Return whether ``offset`` is new; False asks the caller not to process it again."""
        if self._watermark is None:
            self._watermark = self._committed = offset
        if offset <= self._last_delivered or offset < self._watermark:
            return False
        self._last_delivered = offset
        self._unfinished.append(offset)
        self._open.add(offset)
        return True

    def acknowledge(self, offset: int) -> bool:
        """Return whether this acknowledged a delivered message for the first time."""
        if offset not in self._open:
            return False
        self._open.remove(offset)
        while self._unfinished and self._unfinished[0] not in self._open:
            self._watermark = self._unfinished.popleft() + 1
        return True

    def committable(self) -> int | None:
        """Return the next offset to commit, None if nothing new can be."""
        return self._watermark if self._watermark != self._committed else None

    def mark_committed(self, offset: int) -> None:
        """Remember that the brokers know ``offset``."""
        self._committed = offset
