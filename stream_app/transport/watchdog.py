"""The clock of a worker, and the gauges that it sets."""

import asyncio
import time
from collections.abc import Callable, Sequence

from stream_app.settings import KafkaSettings
from stream_app.transport.health import Health
from stream_app.transport.metrics import Metrics
from stream_app.transport.partitions import Consumer, Partitions
from stream_app.transport.sessions import PartitionSession

NS = 1_000_000_000
TICK_S = 1.0
LAG_INTERVAL_S = 0.25


class Watchdog:
    """Looks after a worker every second.

    Args:
        looks: Called every second with the time of a monotonic clock; what one raises ends the
            worker.
    """

    def __init__(self, metrics: Metrics, looks: Sequence[Callable[[float], None]]) -> None:
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
                for look in self._looks:
                    look(now_s)


class Pulse:
    """Notes at every look that the event loop turns, and whether calls can be served.

    Brokers that have answered nothing for a session timeout are gone: so is the worker, for them.
    """

    def __init__(
        self, partitions: Partitions, consumer: Consumer, health: Health, kafka: KafkaSettings
    ) -> None:
        self._partitions = partitions
        self._consumer = consumer
        self._health = health
        self._max_silence_s = kafka.session_timeout_s

    def look(self, _: float) -> None:
        """Note what is so now."""
        has_brokers = self._consumer.hears_brokers(self._max_silence_s)
        self._health.note(can_serve=has_brokers and self._partitions.is_loaded)


class Gauges:
    """Measures a worker at every look.

    Args:
        wall_s: The wall clock; what timestamps are compared with.
    """

    def __init__(
        self,
        partitions: Partitions,
        consumer: Consumer,
        metrics: Metrics,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._partitions = partitions
        self._consumer = consumer
        self._metrics = metrics
        self._wall_s = wall_s

    def look(self, now_s: float) -> None:
        """Measure at ``now_s`` of the monotonic clock."""
        self._consumer.note_ends()
        sessions = tuple(self._partitions)
        self._metrics.open_calls.set(sum(len(session.machines) for session in sessions))
        unread_s = (self._unread_s(session, now_s) for session in sessions)
        self._metrics.oldest_unread_s.set(max(unread_s, default=0.0))
        oldest = (session.oldest_message for session in sessions)
        stamps = [message.timestamp for message in oldest if message is not None]
        self._metrics.oldest_unacked_s.set(self._age_s(min(filter(None, stamps), default=None)))

    def _unread_s(self, session: PartitionSession, now_s: float) -> float:
        """Return the time since all input of a partition had been fed.

        While it is not known until when it had, the age of the last message.
        """
        through_ns = self._partitions.read_through_ns(session, self._consumer)
        if through_ns is not None:
            return now_s - through_ns / NS
        return self._age_s(session.last_timestamp_s)

    def _age_s(self, timestamp_s: float | None) -> float:
        return 0.0 if timestamp_s is None else max(0.0, self._wall_s() - timestamp_s)
