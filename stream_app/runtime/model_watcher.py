"""Periodic look for new files of an agent's model, off the event loop."""

import asyncio
from collections.abc import Awaitable, Callable

from stream_app.agents.definition import ModelWatch
from stream_app.monitoring.metrics import Metrics


class ModelWatcher:
    """Looks, and counts what changed and what was refused.

    Args:
        watch: How the agent takes up new files.
        metrics: Counts swaps and refusals.
        sleep: Waits for some seconds.
    """

    def __init__(
        self,
        watch: ModelWatch,
        metrics: Metrics,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._watch = watch
        self._metrics = metrics
        self._sleep = sleep

    async def run(self) -> None:
        """Look until cancelled; what a look raises ends the worker."""
        while True:
            await self._sleep(self._watch.interval_s)
            for change in await asyncio.to_thread(self._watch.look):
                counter = self._metrics.model_refusals if change.is_refused else None
                (counter or self._metrics.model_swaps).inc()
