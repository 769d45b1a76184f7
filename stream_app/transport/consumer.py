"""Faust's Kafka transport with our acknowledgements, generations and fetch options.

Faust's own bookkeeping commits past messages that are not acknowledged, and cannot rewind a
partition that has no committed offset yet.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from faust.exceptions import ConsumerNotStarted
from faust.transport.consumer import ensure_TPset
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from mode import get_logger

from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.batches import bound_batches
from stream_app.transport.log_clock import LogClock, ReadingState, reading_states
from stream_app.transport.log_reader import beginnings_if_known, beginnings_of
from stream_app.transport.polls import Poll, set_fetch_pace
from stream_app.transport.rivals import Holder, guard

POLL_TIMEOUT_S = 1.0
IDLE_AFTER_S = 1.0
NS_PER_S = 1_000_000_000
FAUST_LOGGER = get_logger("faust.callstream")  # Faust names loggers after our modules otherwise


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Numbers the generations of this process itself, so that none ever comes twice."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a new generation."""
        thread = self._thread
        consumer = cast("Consumer", thread.consumer)
        thread.app.consumer_generation_id = generation = consumer.next_generation()
        await thread.on_partitions_assigned(ensure_TPset(assigned), generation)


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that runs the aiokafka consumer, with our options."""

    logger = FAUST_LOGGER
    fetch_max_wait_ms = 20
    leaves_group = True
    _heard_s = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        self._told_up_to: dict[TopicPartition, int] = {}
        super().__init__(*args, **options)

    async def on_start(self) -> None:
        """Connect; as a static member, join only once no rival is alive."""
        await super().on_start()
        coordinator = self._coordinator
        if coordinator._group_instance_id:  # noqa: SLF001
            guard(
                coordinator,
                session_timeout_s=self.app.conf.broker_session_timeout,
                on_rival=self._tell_of_rival,
            )

    def _tell_of_rival(self, rival: Holder) -> None:
        consumer = cast("Consumer", self.consumer)
        consumer.loop.call_soon_threadsafe(consumer.on_rival, rival)

    async def on_thread_stop(self) -> None:
        """Disconnect, and leave the group if that is set."""
        if self._consumer is not None:
            self._settle_leaving(self._coordinator)
        await super().on_thread_stop()

    async def disconnect(self) -> None:
        """Do the same while the rest goes on; nothing can be read or committed afterwards."""
        consumer = self._ensure_consumer()
        self._settle_leaving(self._coordinator)
        await consumer.stop()

    def _settle_leaving(self, coordinator: Any) -> None:
        """Have the coordinator leave the group as it stops, or not.

        aiokafka leaves it with a generation and without an instance id: a static member that
        stops would keep its partitions until its session ends.
        """
        if self.leaves_group:
            coordinator._group_instance_id = None  # noqa: SLF001
        else:
            coordinator.generation = driver.DEFAULT_GENERATION_ID

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        bound_batches()
        consumer = super()._create_worker_consumer(transport)
        set_fetch_pace(consumer, self.fetch_max_wait_ms)
        return consumer

    def note_records(self, has_some: bool) -> None:  # noqa: FBT001
        """Fetch less often once nothing has come for a while, and as set as soon as it does."""
        now_s = time.monotonic()
        if has_some:
            self._heard_s = now_s
        fetcher = self._ensure_consumer()._fetcher  # noqa: SLF001
        is_idle = now_s - self._heard_s > IDLE_AFTER_S
        set_fetch_pace(fetcher, self.fetch_max_wait_ms, is_idle=is_idle)

    @property
    def _coordinator(self) -> Any:
        """None before the consumer has started, which takes a while on a busy machine."""
        return None if self._consumer is None else self._consumer._coordinator  # noqa: SLF001

    def refusal(self) -> BaseException | None:
        """Return why the brokers do not let us join the group, None if they do."""
        coordinator = self._coordinator
        return None if coordinator is None else coordinator._pending_exception  # noqa: SLF001

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Return where reading begins in each partition, after seeking there."""
        starts: Mapping[TP, int] = await self.call_thread(self._seek_to_starts)
        return starts

    async def _seek_to_starts(self) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        committed = {partition: await consumer.committed(partition) for partition in assigned}
        beginnings = await beginnings_of(consumer, committed)
        starts = {
            partition: self._start(partition, committed, beginnings) for partition in assigned
        }
        still_ours = consumer.assignment()
        for partition, offset in starts.items():
            if partition in still_ours:
                consumer.seek(partition, offset)
        return {TP(tp.topic, tp.partition): offset for tp, offset in starts.items()}

    async def log_begin(self, tp: TP) -> int | None:
        """Return where the log of a partition begins, None if the brokers do not say soon."""
        partition = TopicPartition(tp.topic, tp.partition)
        return (await beginnings_if_known(self._ensure_consumer(), [partition])).get(partition)

    def _start(
        self,
        partition: TopicPartition,
        committed: Mapping[TopicPartition, int | None],
        beginnings: Mapping[TopicPartition, int],
    ) -> int:
        """Return where reading goes on; input that expired unread is reported once and skipped."""
        wanted = committed[partition]
        first = beginnings.get(partition, 0)
        if wanted is None or wanted >= first:
            return first if wanted is None else wanted
        since = max(wanted, self._told_up_to.get(partition, 0))
        if since < first:
            self._told_up_to[partition] = first
            tp = TP(partition.topic, partition.partition)
            cast("Consumer", self.consumer).on_expired(tp, since, first - since)
        return first

    def reading_states(self) -> dict[TP, ReadingState]:
        """Return how far each partition is read, without those not fetched from yet."""
        return reading_states(self._ensure_consumer())

    def hears_brokers(self, max_silence_s: float) -> bool:
        """Return whether the group has a coordinator, and fetches are answered if one is due."""
        client, coordinator = self._consumer, self._coordinator
        if client is None or coordinator is None or coordinator.coordinator_id is None:
            return False
        if not client.assignment() or client._fetcher._records:  # noqa: SLF001
            return True
        seen_ns = [state.seen_ns for state in self.reading_states().values()]
        return bool(seen_ns) and time.monotonic_ns() - max(seen_ns) <= max_silence_s * NS_PER_S

    def unheard(self, max_silence_s: float) -> frozenset[TP]:
        """Return the assigned partitions of which no fetch was answered within that time.

        Their leader may be gone. None while what came waits to be read.
        """
        client = self._ensure_consumer()
        if client._fetcher._records:  # noqa: SLF001
            return frozenset()
        since_ns = time.monotonic_ns() - int(max_silence_s * NS_PER_S)
        heard = {tp for tp, state in self.reading_states().items() if state.seen_ns >= since_ns}
        return frozenset(TP(tp.topic, tp.partition) for tp in client.assignment()) - heard


class Consumer(driver.Consumer):
    """Faust's consumer with an acknowledgement tracker of our own for each partition."""

    logger = FAUST_LOGGER
    RebalanceListener = RebalanceListener

    def __init__(self, transport: Any, callback: Any, *args: Any, **options: Any) -> None:
        self._trackers: dict[TP, AckTracker] = {}
        self._starts: dict[TP, int] = {}
        self._logs: dict[TP, LogClock] = {}
        self._positions: dict[TP, int] = {}
        self._generation = 0
        self._denial: BaseException | None = None
        self.on_flow_resumed: Callable[[], None] = lambda: None
        self.on_rival: Callable[[Holder], None] = lambda _: None
        self.on_expired: Callable[[TP, int, int], None] = lambda *_: None
        super().__init__(transport, callback, *args, **options)

    def _new_consumer_thread(self) -> ConsumerThread:
        thread = ConsumerThread(self, loop=self.loop, beacon=self.beacon)
        transport = cast("Transport", self.transport)
        thread.fetch_max_wait_ms = transport.fetch_max_wait_ms
        thread.leaves_group = transport.leaves_group
        return thread

    async def disconnect(self) -> None:
        """Leave the group at once, if that is set; for a process that is about to end."""
        thread = cast("ConsumerThread", self._thread)
        await thread.call_thread(thread.disconnect)

    def next_generation(self) -> int:
        """Return the number of the generation that begins; called in the consumer's thread."""
        self._generation += 1
        return self._generation

    @property
    def generation(self) -> int:
        """The current generation of this process, counted from 1."""
        generation: int = self.app.consumer_generation_id
        return generation

    def tracker(self, tp: TP) -> AckTracker | None:
        """Return the acknowledgements of a partition, None before its first message."""
        return self._trackers.get(tp)

    def log_clock(self, tp: TP) -> LogClock:
        """Return when the messages of a partition came to its log."""
        clock = self._logs.get(tp)
        if clock is None:
            clock = self._logs[tp] = LogClock()
        return clock

    async def log_begin(self, tp: TP) -> int | None:
        """Return where the log of a partition begins now, None if the brokers do not say soon."""
        thread = cast("ConsumerThread", self._thread)
        begin: int | None = await thread.call_thread(thread.log_begin, tp)
        return begin

    def handed_on(self, tp: TP) -> int | None:
        """Return the offset behind what was handed on of a partition, None before the first."""
        return self._positions.get(tp)

    def refusal(self) -> BaseException | None:
        """Return why the brokers let us not read or not join the group, None if they do."""
        return self._denial or cast("ConsumerThread", self._thread).refusal()

    def hears_brokers(self, max_silence_s: float) -> bool:
        """Return whether the brokers have answered within that time."""
        return cast("ConsumerThread", self._thread).hears_brokers(max_silence_s)

    def unheard(self, max_silence_s: float) -> frozenset[TP]:
        """Return the assigned partitions of which no fetch was answered within that time."""
        return cast("ConsumerThread", self._thread).unheard(max_silence_s)

    def note_ends(self) -> Mapping[TP, ReadingState]:
        """Return how far each partition is read, after setting its clock by where its log ends."""
        states = cast("ConsumerThread", self._thread).reading_states()
        now_ns = time.monotonic_ns()
        for tp, state in states.items():
            self.log_clock(tp).note(state.end, min(state.seen_ns, now_ns))
        return states

    async def _drain_messages(self, fetcher: Any) -> None:
        """Pass on what comes, one poll at a time, until the fetcher stops."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                poll = await self._next_poll()
                if poll is None:
                    await asyncio.sleep(0)
                    continue
                await self.wait_first(self.callback(poll), self.suspend_flow.wait())
                await self._until_taken(poll)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except TopicAuthorizationFailedError as error:
            self._denial = error
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _next_poll(self) -> Poll | None:
        """Return the messages of the next records; what was delivered before is dropped."""
        records, active = await self._wait_next_records(POLL_TIMEOUT_S)
        if records is None or self.should_stop:
            return None
        if not self.flow_active:  # a rebalance is under way: they will come again
            await self._rewind()
            return None
        states = self.note_ends()
        messages = [
            message
            for tp, batch in records.items()
            if active is None or tp in active or tp in self._buffered_partitions
            for record in batch
            if self._is_new(message := self._to_message(tp, record))
        ]
        self._positions = {tp: state.position for tp, state in states.items()}
        cast("ConsumerThread", self._thread).note_records(bool(messages))
        return Poll(messages) if messages else None

    def _is_new(self, message: Message) -> bool:
        tracker = self._trackers.get(message.tp)
        if tracker is None:
            tracker = self._trackers[message.tp] = AckTracker(self._starts.get(message.tp))
        if not tracker.deliver(message.offset):
            return False
        self._read_offset[message.tp] = message.offset
        return True

    async def _rewind(self) -> None:
        try:
            await self.perform_seek()
        except (KafkaError, ConsumerNotStarted, OSError) as error:  # the assignment seeks again
            self.log.warning("seek failed while partitions are reassigned: %r", error)

    async def _until_taken(self, poll: Poll) -> None:
        """Wait until the agent takes the poll, or never will: its generation is over."""
        while not (poll.is_taken.is_set() or self.suspend_flow.is_set() or self.should_stop):
            if poll.generation_id != self.generation:
                return
            await self.wait_first(
                poll.is_taken.wait(), self.suspend_flow.wait(), timeout=POLL_TIMEOUT_S
            )

    def ack(self, message: Message) -> bool:
        """Return whether this acknowledged the message; on the event loop only.

        An acknowledgement from an older generation is void: the message comes again.
        """
        message.acked = True
        if message.generation_id != self.generation:
            return False
        tracker = self._trackers.get(message.tp)
        return tracker is not None and tracker.acknowledge(message.offset)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Return where reading begins in each partition, after seeking there."""
        starts: Mapping[TP, int] = await super().seek_to_committed()
        self._starts.update(starts)
        return starts

    def resume_flow(self) -> None:
        """Let messages pass again after a rebalance."""
        super().resume_flow()
        self.on_flow_resumed()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Forget what was delivered before: everything not committed comes again."""
        self._trackers.clear()
        self._starts.clear()
        self._logs.clear()
        self._positions.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        """Return whether offsets were committed."""
        generation = self.generation
        offsets = {
            tp: offset
            for tp, tracker in self._trackers.items()
            if (offset := tracker.committable()) is not None
        }
        if not offsets or not await self._commit(offsets):
            return False
        if generation == self.generation:
            for tp, offset in offsets.items():
                if tp in self._trackers:
                    self._trackers[tp].mark_committed(offset)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the tracker counts delivered messages, so holes do not concern it."""


class Transport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer: ClassVar[type[Consumer]] = Consumer
    fetch_max_wait_ms = 20
    leaves_group = True
