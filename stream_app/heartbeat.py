"""The sign of life of an agent: written from its event loop, missed by its supervisor.

A process that was stopped, or whose event loop hangs, stays in the list of processes: nobody sees
from outside that it does nothing.
"""

import asyncio
from collections.abc import Callable

BEAT = "alive"
BEAT_S = 1.0
MAX_STEP_S = 1.0  # of silence between two looks, however long the listener itself was away


async def beat(report: Callable[[str], None]) -> None:
    """Report that the event loop runs, every second until cancelled."""
    while True:
        report(BEAT)
        await asyncio.sleep(BEAT_S)


class Silence:
    """How long a process has said nothing.

    Counted by the looks of the listener: a machine that was paused as a whole wakes up with
    everybody silent, and nobody is to blame for it.
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
