"""Look after a worker by the clock: silent calls, a stuck model, and its gauges."""

import asyncio
import time
from collections.abc import Callable, Sequence

from stream_app.transport.inference import InferenceThread
from stream_app.transport.metrics import Metrics
from stream_app.transport.partitions import Partitions

TICK_S = 1.0
LAG_INTERVAL_S = 0.25


class Watchdog:
    """The clock of a worker.

    Args:
        looks: Called every second with the time of a monotonic clock; what one raises ends the
            worker.
    """

    def __init__(
        self,
        partitions: Partitions,
        inference: InferenceThread | None,
        metrics: Metrics,
        looks: Sequence[Callable[[float], None]],
    ) -> None:
        self._partitions = partitions
        self._inference = inference
        self._metrics = metrics
        self._looks = looks

    async def run(self) -> None:
        """Tick until cancelled."""
        last_tick_s = time.monotonic()
        while True:
            due_s = time.monotonic() + LAG_INTERVAL_S
            await asyncio.sleep(LAG_INTERVAL_S)
            now_s = time.monotonic()
            self._metrics.loop_lag.observe(max(0.0, now_s - due_s))
            if now_s - last_tick_s >= TICK_S:
                last_tick_s = now_s
                self._measure()
                for look in self._looks:
                    look(now_s)

    def _measure(self) -> None:
        sessions = tuple(self._partitions)
        self._metrics.open_calls.set(sum(len(session.machines) for session in sessions))
        stamps = [
            message.timestamp
            for session in sessions
            if (message := session.oldest_message) is not None and message.timestamp
        ]
        age_s = max(0.0, time.time() - min(stamps)) if stamps else 0.0
        self._metrics.oldest_unacked_s.set(age_s)
        if self._inference is not None:
            self._metrics.pending_audio_s.set(self._inference.pending_urgent_ms / 1000)
