"""What an agent looks at every second: health, gauges, and spells of overload."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog
from faust.types import TP

from stream_app.monitoring.health import Health
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.partitions import Consumer, Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.settings import KafkaSettings
from stream_app.transport.log_clock import ReadingState

NS = 1_000_000_000
TICK_S = 1.0
LAG_INTERVAL_S = 0.25
IDLE_AFTER_S = 15.0  # without input, after which a call counts as idle
SPELL_WINDOW_S = 10.0
MIN_DROPPED = 10  # requests within the window: a spell of overload

log = structlog.get_logger(__name__)


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
    """Notes at every look that the event loop turns, and what keeps calls from being served.

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
        self._health.note(self._problem())

    def _problem(self) -> str:
        """Return why calls cannot be served, empty if they can."""
        if not self._consumer.hears_brokers(self._max_silence_s):
            return "no broker answers"
        if not self._partitions.is_loaded:
            is_loading = self._partitions.is_loading
            return "recovers: reads checkpoints" if is_loading else "waits for its partitions"
        unheard = self._consumer.unheard(self._max_silence_s)
        if unheard:
            numbers = ", ".join(str(tp.partition) for tp in sorted(unheard))
            return f"lacks partition {numbers}"
        return ""


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
        self._told: frozenset[int] = frozenset()

    def look(self, now_s: float) -> None:
        """Measure at ``now_s`` of the monotonic clock."""
        states = self._consumer.note_ends()
        sessions = tuple(self._partitions)
        self._metrics.partitions_held.set(len(sessions))
        self._metrics.open_calls.set(sum(len(session.machines) for session in sessions))
        unread_s = {session: self._unread_s(session, now_s) for session in sessions}
        self._metrics.oldest_unread_s.set(max(unread_s.values(), default=0.0))
        self._tell_lag(states, unread_s)
        self._tell_unacknowledged(sessions, now_s)

    def _tell_lag(
        self, states: Mapping[TP, ReadingState], unread_s: Mapping[PartitionSession, float]
    ) -> None:
        for session, seconds in unread_s.items():
            state = states.get(session.tp)
            lag = self._partitions.lag(session, self._consumer, state) if state is not None else 0
            self._metrics.set_lag(session.partition, messages=lag, seconds=seconds)
        held = frozenset(session.partition for session in unread_s)
        for partition in self._told - held:
            self._metrics.forget_lag(partition)
        self._told = held

    def _tell_unacknowledged(self, sessions: Sequence[PartitionSession], now_s: float) -> None:
        self._metrics.unacked_messages.set(sum(session.unacknowledged for session in sessions))
        oldest = (session.oldest_message for session in sessions)
        stamps = [message.timestamp for message in oldest if message is not None]
        self._metrics.oldest_unacked_s.set(self._age_s(min(filter(None, stamps), default=None)))
        taken = (session.oldest_active_s(self._idle_since_s(session)) for session in sessions)
        ages = (now_s - taken_s for taken_s in taken if taken_s is not None)
        self._metrics.oldest_active_s.set(max(ages, default=0.0))

    def _idle_since_s(self, session: PartitionSession) -> float:
        """Return since when a call must have got nothing to be idle.

        A call whose input may stand unread in the log is not: the worker is behind, it is not.
        """
        through_ns = self._partitions.read_through_ns(session, self._consumer)
        return -math.inf if through_ns is None else through_ns / NS - IDLE_AFTER_S

    def _unread_s(self, session: PartitionSession, now_s: float) -> float:
        """Return the time since all input of a partition had been fed.

        While it is not known until when it had, the age of the last message.
        """
        through_ns = self._partitions.read_through_ns(session, self._consumer)
        if through_ns is not None:
            return max(0.0, now_s - through_ns / NS)
        return self._age_s(session.last_timestamp_s)

    def _age_s(self, timestamp_s: float | None) -> float:
        return 0.0 if timestamp_s is None else max(0.0, self._wall_s() - timestamp_s)


class Overload:
    """Writes a log line when requests begin to be dropped for lack of time, and when that ends.

    A few are dropped at any time: a final that comes makes a waiting partial void.

    Args:
        dropped: Returns how many were dropped so far: replaced, too old, or never due because the
            interval between partials was stretched.
    """

    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped
        self._looks: deque[tuple[float, int]] = deque()
        self._spell: tuple[float, int] | None = None  # when it began, and what was dropped before

    def look(self, now_s: float) -> None:
        """Compare at ``now_s`` of the monotonic clock with what there was ten seconds ago."""
        dropped = self._dropped()
        self._looks.append((now_s, dropped))
        while self._looks[0][0] < now_s - SPELL_WINDOW_S:
            self._looks.popleft()
        is_overload = dropped - self._looks[0][1] >= MIN_DROPPED
        if is_overload and self._spell is None:
            self._spell = self._looks[0]
            log.warning("shedding.began", dropped=dropped - self._spell[1])
        elif self._spell is not None and not is_overload:
            began_s, before = self._spell
            self._spell = None
            lasted_s = round(now_s - began_s, 1)
            log.warning("shedding.ended", dropped=dropped - before, lasted_s=lasted_s)
