"""The heartbeat of an agent: written from its event loop, awaited by its supervisor.

A process that was stopped, or whose event loop hangs, stays in the list of processes, where it
looks like one that works.
"""

import asyncio
from collections.abc import Callable

BEAT = "alive"
BEAT_S = 1.0
MAX_STEP_S = 1.0  # of silence that counts between two looks


async def beat(report: Callable[[str], None]) -> None:
    """Report that the event loop runs, every second until cancelled."""
    while True:
        report(BEAT)
        await asyncio.sleep(BEAT_S)


class Silence:
    """How long a process has said nothing.

    Counted by the looks of the listener, each for a second at most: after a pause of the whole
    machine every process has been silent, and none of them is frozen.
    """

    def __init__(self, now_s: float) -> None:
        self._looked_s = now_s
        self.silent_s = 0.0

    def hear(self) -> None:
        """Begin to count anew."""
        self.silent_s = 0.0

    def look(self, now_s: float) -> float:
        """Return for how long the process has been silent."""
        self.silent_s += min(MAX_STEP_S, now_s - self._looked_s)
        self._looked_s = now_s
        return self.silent_s
