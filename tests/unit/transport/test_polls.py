"""What a poll brings passes as one event: every message once, and never more than one ahead."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP, Message

from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.consumer import Consumer, ConsumerThread
from stream_app.transport.polls import FETCH_MIN_BYTES, IDLE_FETCH_MAX_WAIT_MS, Poll
from tests.support.waiting import loop_turns

ONE, OTHER = TP("topic", 0), TP("topic", 1)
GENERATION = 3


class FakeFetcher:
    """aiokafka's fetcher, as far as its wait goes."""

    def __init__(self) -> None:
        self._fetch_max_wait_ms = 0
        self._fetch_min_bytes = 0


class FakeSubscription:
    """aiokafka's state of the partitions: what was seen of the log of each, and when."""

    def __init__(self) -> None:
        self.states: dict[TopicPartition, Any] = {}
        self.subscription = self.assignment = self

    @property
    def tps(self) -> frozenset[TopicPartition]:
        """Return the partitions."""
        return frozenset(self.states)

    def state_value(self, tp: TopicPartition) -> Any:
        """Return the state of a partition."""
        return self.states[tp]


class FakeThread(ConsumerThread):
    """A consumer thread without a thread."""

    def __init__(self) -> None:
        self.fetch_max_wait_ms = 40
        self.fetcher = FakeFetcher()
        self.subscription = FakeSubscription()

    def _ensure_consumer(self) -> Any:
        parts = {"_fetcher": self.fetcher, "_subscription": self.subscription}
        return type("Client", (), parts)


class FakeConsumer(Consumer):
    """Our consumer on records that the test gives it."""

    should_stop = False
    flow_active = True
    generation = GENERATION

    def __init__(self, records: dict[TP, list[Message]], active: set[TP]) -> None:
        self.records = records
        self.active = active
        self.rewinds = 0
        self.suspend_flow = asyncio.Event()
        self._trackers: dict[TP, AckTracker] = {}
        self._starts = {}
        self._logs = {}
        self._positions = {}
        self._read_offset = {}
        self._buffered_partitions = set()
        self.thread = self._thread = FakeThread()

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        assert timeout
        return self.records, self.active

    def _to_message(self, tp: TP, record: Any) -> Any:
        assert record.tp == tp
        return record

    async def perform_seek(self) -> None:
        """Count."""
        self.rewinds += 1

    async def wait_first(self, *waiters: Any, timeout: Any = None) -> Any:  # noqa: ASYNC109 - Faust's
        """Return when one of them is done."""
        tasks = [asyncio.ensure_future(waiter) for waiter in waiters]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=timeout)
        for task in tasks:
            task.cancel()


def message(tp: TP, offset: int) -> Message:
    return Message(
        tp.topic, tp.partition, offset, 0.0, 0, None, b"k", b"v", None, tp=tp,
        generation_id=GENERATION,
    )  # fmt: skip


def places(poll: Poll | None) -> list[tuple[int, int]]:
    return [(each.partition, each.offset) for each in poll.messages] if poll else []


async def test_a_poll_holds_the_messages_of_all_partitions() -> None:
    records = {ONE: [message(ONE, 5), message(ONE, 6)], OTHER: [message(OTHER, 9)]}
    consumer = FakeConsumer(records, {ONE, OTHER})

    poll = await consumer._next_poll()

    assert places(poll) == [(0, 5), (0, 6), (1, 9)]
    assert poll is not None
    assert poll.generation_id == GENERATION


async def test_what_was_delivered_before_is_left_out() -> None:
    consumer = FakeConsumer({ONE: [message(ONE, 5), message(ONE, 6)]}, {ONE})
    await consumer._next_poll()
    consumer.records = {ONE: [message(ONE, 6), message(ONE, 7)]}

    assert places(await consumer._next_poll()) == [(0, 7)]


async def test_partitions_that_are_no_longer_ours_are_left_out() -> None:
    consumer = FakeConsumer({ONE: [message(ONE, 5)], OTHER: [message(OTHER, 9)]}, {OTHER})

    assert places(await consumer._next_poll()) == [(1, 9)]


async def test_a_poll_during_a_rebalance_rewinds_instead() -> None:
    consumer = FakeConsumer({ONE: [message(ONE, 5)]}, {ONE})
    consumer.flow_active = False

    assert await consumer._next_poll() is None
    assert consumer.rewinds == 1
    assert not consumer._trackers


async def test_fetches_come_less_often_while_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("stream_app.transport.consumer.time.monotonic", lambda: now_s)
    consumer = FakeConsumer({ONE: [message(ONE, 5)]}, {ONE})
    waits = []
    for after_s, records in ((0.0, consumer.records), (0.5, {}), (2.0, {})):
        now_s = 100.0 + after_s
        consumer.records = records
        await consumer._next_poll()
        fetcher = consumer.thread.fetcher
        waits.append((fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes))
    consumer.records = {ONE: [message(ONE, 6)]}
    await consumer._next_poll()

    assert waits == [(40, FETCH_MIN_BYTES), (40, FETCH_MIN_BYTES), (IDLE_FETCH_MAX_WAIT_MS, 1)]
    assert fetcher._fetch_max_wait_ms == 40
    assert fetcher._fetch_min_bytes == FETCH_MIN_BYTES


async def test_a_poll_is_never_acknowledged_itself() -> None:
    poll = Poll([message(ONE, 5)])
    poll.incref()

    assert not poll.ack(None)
    assert not poll.acked


async def test_the_next_poll_waits_until_the_agent_has_taken_this_one() -> None:
    consumer, poll = FakeConsumer({}, set()), Poll([message(ONE, 5)])
    waiting = asyncio.create_task(consumer._until_taken(poll))
    await loop_turns()
    assert not waiting.done()

    poll.is_taken.set()

    await asyncio.wait_for(waiting, 1)


async def test_a_poll_of_a_generation_that_is_over_holds_nothing_up() -> None:
    """Nobody will ever take it."""
    consumer, poll = FakeConsumer({}, set()), Poll([message(ONE, 5)])
    consumer.generation = GENERATION + 1

    await asyncio.wait_for(consumer._until_taken(poll), 1)


async def test_a_rebalance_ends_the_wait() -> None:
    consumer, poll = FakeConsumer({}, set()), Poll([message(ONE, 5)])
    waiting = asyncio.create_task(consumer._until_taken(poll))
    await loop_turns()

    consumer.suspend_flow.set()

    await asyncio.wait_for(waiting, 1)


def seen(position: int, end: int, *, ago_s: float) -> SimpleNamespace:
    """Return what aiokafka knows of a partition."""
    timestamp_ms = int((time.time() - ago_s) * 1_000)
    return SimpleNamespace(
        position=position, highwater=end, timestamp=timestamp_ms, has_valid_position=True
    )


async def test_every_poll_notes_where_the_logs_end_and_since_when() -> None:
    """Also that of a partition of which it brings nothing."""
    consumer = FakeConsumer({ONE: [message(ONE, 5)]}, {ONE, OTHER})
    states = consumer.thread.subscription.states
    states[TopicPartition("topic", 0)] = seen(6, 6, ago_s=0.0)
    states[TopicPartition("topic", 1)] = seen(9, 9, ago_s=7.0)

    await consumer._next_poll()

    through_ns = consumer.log_clock(OTHER).read_through_ns(9)
    assert through_ns is not None
    assert 6.5 < (time.monotonic_ns() - through_ns) / 1e9 < 60
    assert consumer.log_clock(ONE).read_through_ns(5) is None
    assert consumer.log_clock(ONE).read_through_ns(6) is not None
    assert [consumer.handed_on(tp) for tp in (ONE, OTHER)] == [6, 9]


async def test_a_partition_that_was_not_fetched_yet_says_nothing() -> None:
    consumer = FakeConsumer({}, {ONE})
    unknown = SimpleNamespace(position=3, highwater=None, timestamp=None, has_valid_position=True)
    consumer.thread.subscription.states[TopicPartition("topic", 0)] = unknown

    await consumer._next_poll()

    assert consumer.note_ends() == {}
    assert consumer.log_clock(ONE).read_through_ns(3) is None
