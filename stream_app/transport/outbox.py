"""Carry out the effects of calls: outputs durable, then the checkpoint, then the acks."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import Message

from stream_app.calls.effects import Commit, Emit, Refuse
from stream_app.topics import CHECKPOINTS, DEAD_LETTERS, encode, topic_of
from stream_app.transport.checkpoints import CheckpointStore
from stream_app.transport.metrics import Metrics
from stream_app.transport.sessions import Lane, PartitionSession

MAX_QUEUED = 2048
FLUSH_POLL_S = 0.005
SETTLE_INTERVAL_S = 0.1  # commits of a call in this time share one checkpoint

Headers = list[tuple[str, bytes]]


class Producer(Protocol):
    """What the outbox needs of an aiokafka producer."""

    async def send(  # noqa: PLR0913, PLR0917 - aiokafka's signature
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: Headers | None = None,
    ) -> "asyncio.Future[Any]":
        """Return a future that is done when the message is durable."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """A message to produce, as bytes."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    session: PartitionSession
    call_id: str
    step: Record | Commit
    is_volatile: bool = False


@dataclass(frozen=True, slots=True)
class _Settlement:
    lane: Lane
    commits: tuple[Commit, ...]
    outputs: "tuple[asyncio.Future[Any], ...]"


class Outbox:
    """Carries out effects in the order in which they come; one task sends, one settles.

    Commits are settled together every 100 ms: of several commits of a call only the last
    checkpoint is written, since it holds the others. An effect of a dropped session is void.

    Args:
        agent: Named in the headers of dead letters.
        on_failure: Called when something cannot be produced; the process is to end, and nothing
            more is acknowledged.
    """

    def __init__(
        self,
        producer: Producer,
        store: CheckpointStore,
        *,
        agent: str,
        metrics: Metrics,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._producer = producer
        self._store = store
        self._agent = agent
        self._metrics = metrics
        self._on_failure = on_failure
        self._entries: deque[_Entry] = deque()
        self._has_entries = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._dirty: dict[int, Lane] = {}
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._is_failed = False
        self._is_sending = False
        self._settling = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the tasks."""
        self._tasks = [
            asyncio.create_task(self._guarded(self._send_entries), name="outbox.send"),
            asyncio.create_task(self._guarded(self._settle_forever), name="outbox.settle"),
        ]

    async def stop(self) -> None:
        """End the tasks; what is queued is void."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def put(self, session: PartitionSession, call_id: str, effect: Emit | Refuse | Commit) -> None:
        """Queue an effect of a call."""
        if isinstance(effect, Commit):
            entry = _Entry(session, call_id, effect)
        elif isinstance(effect, Refuse):
            message = session.message(effect.offset)
            if message is None:
                return
            entry = _Entry(session, call_id, self._dead_letter(message, call_id, effect.reason))
        else:
            output = effect.message
            record = Record(topic_of(output), output.call_id.encode(), encode(output))
            entry = _Entry(session, call_id, record, is_volatile=effect.is_volatile)
        self._enqueue(entry)

    def append(self, session: PartitionSession, call_id: str, record: Record) -> None:
        """Queue a message that no effect asked for, such as a stall marker."""
        self._enqueue(_Entry(session, call_id, record, is_volatile=True))

    async def wait_for_room(self) -> None:
        """Wait until the queue is short enough to take more."""
        await self._has_room.wait()

    async def flush(self) -> None:
        """Wait until everything queued so far is durable and acknowledged."""
        while self._entries or self._is_sending:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(FLUSH_POLL_S)
        while self._dirty or self._settling.locked():
            await self._settle()

    def _enqueue(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._has_entries.set()
        if len(self._entries) >= MAX_QUEUED:
            self._has_room.clear()

    async def _send_entries(self) -> None:
        while True:
            while not self._entries:
                self._has_entries.clear()
                await self._has_entries.wait()
            entry = self._entries.popleft()
            if len(self._entries) < MAX_QUEUED // 2:
                self._has_room.set()
            if not entry.session.is_current:
                continue
            self._is_sending = True
            await self._carry_out(entry)
            self._is_sending = False

    async def _carry_out(self, entry: _Entry) -> None:
        if isinstance(entry.step, Commit):
            lane = entry.session.lane(entry.call_id)
            lane.commits.append(entry.step)
            self._dirty[id(lane)] = lane
            return
        future = await self._produce(entry.step)
        self._metrics.emitted.inc()
        if not entry.is_volatile and entry.session.is_current:
            entry.session.lane(entry.call_id).outputs.add(future)

    async def _produce(self, record: Record) -> "asyncio.Future[Any]":
        future = await self._producer.send(
            record.topic,
            record.value,
            key=record.key,
            partition=record.partition,
            headers=record.headers,
        )
        self._in_flight.add(future)
        future.add_done_callback(self._landed)
        return future

    def _landed(self, future: "asyncio.Future[Any]") -> None:
        self._in_flight.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._fail(error)

    async def _settle_forever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_INTERVAL_S)
            if self._dirty:
                await self._settle()

    async def _settle(self) -> None:
        async with self._settling:
            began = time.monotonic()
            settlements = self._take_dirty()
            for settlement in settlements:
                await _all_durable(settlement.outputs)
                settlement.lane.outputs.difference_update(settlement.outputs)
            written = []
            for settlement in settlements:
                record = self._checkpoint_record(settlement)
                if record is not None and settlement.lane.session.is_current:
                    written.append(await self._produce(record))
                    self._metrics.checkpoints.inc()
            await _all_durable(tuple(written))
            if self._is_failed:
                return
            for settlement in settlements:
                session = settlement.lane.session
                for commit in settlement.commits:
                    session.acknowledge(commit.offsets)
                session.release(settlement.lane)
            self._metrics.durable_seconds.observe(time.monotonic() - began)

    def _take_dirty(self) -> list[_Settlement]:
        lanes, self._dirty = self._dirty, {}
        settlements = []
        for lane in lanes.values():
            commits = tuple(lane.commits)
            lane.commits.clear()
            settlements.append(_Settlement(lane, commits, tuple(lane.outputs)))
        return settlements

    def _checkpoint_record(self, settlement: _Settlement) -> Record | None:
        checkpoints = [commit.checkpoint for commit in settlement.commits if commit.checkpoint]
        if not checkpoints:
            return None
        key, value = self._store.encode(checkpoints[-1])
        return Record(CHECKPOINTS, key, value, partition=settlement.lane.session.partition)

    def _dead_letter(self, message: Message, call_id: str, reason: str) -> Record:
        self._metrics.dead_letters.inc()
        headers = [
            ("topic", message.topic.encode()),
            ("partition", str(message.partition).encode()),
            ("offset", str(message.offset).encode()),
            ("reason", reason.encode()),
            ("agent", self._agent.encode()),
            ("call_id", call_id.encode()),
        ]
        return Record(DEAD_LETTERS, message.key, message.value, headers=headers)

    async def _guarded(self, run: Callable[[], Any]) -> None:
        try:
            await run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the process must end
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._is_failed:
            self._is_failed = True
            self._on_failure(error)


async def _all_durable(futures: "tuple[asyncio.Future[Any], ...]") -> None:
    for future in futures:
        await future
