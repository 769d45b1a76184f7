"""Input that expired before it was read, told from offsets that never were messages."""

import time
from collections.abc import Awaitable, Callable

from faust.types import TP

KNOWN_FOR_S = 1.0  # holes of transactions come with every one of them


class Expiry:
    """Tells input that expired unread from offsets that never were messages.

    The commit markers of transactions have offsets, as have records that compaction took away.

    Args:
        ask: Returns where the log of a partition begins, None if that cannot be known.
    """

    def __init__(self, ask: Callable[[TP], Awaitable[int | None]]) -> None:
        self._ask = ask
        self._known: dict[TP, tuple[float, int | None]] = {}

    async def expired(self, tp: TP, first: int, end: int) -> int:
        """Return how many of the offsets from ``first`` up to ``end`` expired.

        All of them, if nobody knows: rather told once too often.
        """
        asked_s, begin = self._known.get(tp, (0.0, None))
        if time.monotonic() - asked_s > KNOWN_FOR_S or not asked_s:
            begin = await self._ask(tp)
            self._known[tp] = (time.monotonic(), begin)
        return end - first if begin is None else max(min(begin, end) - first, 0)
