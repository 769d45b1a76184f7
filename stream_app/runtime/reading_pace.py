"""Back-pressure: reading waits while too much of an agent's work is unfinished."""

import asyncio
from typing import Protocol

from stream_app.agents.limits import Limits
from stream_app.runtime.memory.partitions import Partitions


class Unfinished(Protocol):
    """Requests that are never shed and have no result yet."""

    @property
    def unfinished(self) -> int:
        """How many there are."""
        ...

    @property
    def unfinished_cost(self) -> int:
        """What they cost together."""
        ...


class ReadingPace:
    """Says when reading may go on.

    Args:
        limits: Of the agent.
        partitions: Whose unacknowledged inputs count.
        requests: Of the agent; None for an agent without a model, which reads on.
    """

    def __init__(self, limits: Limits, partitions: Partitions, requests: Unfinished | None) -> None:
        self._limits = limits
        self._partitions = partitions
        self._requests = requests
        self._changed = asyncio.Event()

    def review(self) -> None:
        """Note that less may be unfinished than before."""
        self._changed.set()

    async def wait(self) -> None:
        """Wait until nothing exceeds its limit."""
        while self._requests is not None and self._is_exceeded(self._requests):
            self._changed.clear()
            await self._changed.wait()

    def _is_exceeded(self, requests: Unfinished) -> bool:
        limits = self._limits
        if limits.max_cost is not None and requests.unfinished_cost > limits.max_cost:
            return True
        if limits.max_inputs is None or not requests.unfinished:
            return False
        return self._partitions.unacknowledged > limits.max_inputs
