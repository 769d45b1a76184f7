"""The effects of calls, carried out: outputs durable, then the checkpoint, then the acks."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from schemas.catalogue import CHECKPOINTS, DEAD_LETTERS, encode, topic_of
from schemas.operations import Alert
from stream_app.calls.effects import Commit, Emit, Refuse
from stream_app.calls.identifiers import event_id
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.checkpoints import CheckpointStore
from stream_app.runtime.memory.recollection import Recollection
from stream_app.runtime.memory.sessions import PartitionSession, Settlement, Unsettled
from stream_app.runtime.output.dead_letters import (
    LARGEST_BYTES,
    InputPosition,
    Record,
    Refusal,
    abridged,
    abridged_letter,
    dead_letter,
    legal_call_id,
)
from stream_app.transport.clients import MAX_BATCH_BYTES, Producer

MAX_QUEUED = 2048
MAX_QUEUED_BYTES = 64 * 1024 * 1024
FLUSH_POLL_S = 0.005
SETTLE_INTERVAL_S = 0.1
MAX_TOLD = 10_000  # alerts and refusals of calls; an alert raised once more has the same id

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)

AlertKind = Literal[
    "input_refused", "output_refused", "inference_failed", "input_quarantined", "too_many_calls"
]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    session: PartitionSession
    call_id: str
    step: Record | Commit
    is_volatile: bool = False

    @property
    def size(self) -> int:
        return self.step.size if isinstance(self.step, Record) else 0


class Outbox:
    """Carries out effects in the order in which they come; one task sends, one settles.

    Commits that are due are settled together every 100 ms. One with a checkpoint is due after the
    checkpoint interval; that of a closing call, or behind outputs, at once. Of several commits of a
    call only the last checkpoint is written, since it holds the others. An effect of a dropped
    session is void.

    What is too large to send, or cannot be encoded, is refused for its call alone: a dead letter
    describes it, an alert tells of it, and the call goes on without it. Without a checkpoint it
    would resume from an older one, or from none.

    Args:
        agent: Named in the headers of dead letters.
        on_failure: Called when the producer fails; the process is to end, and nothing more is
            acknowledged.
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
        self._queued_bytes = 0
        self._has_entries = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._dirty: dict[int, Unsettled] = {}
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._is_failed = False
        self._is_sending = False
        self._told = Recollection(MAX_TOLD)
        self._settling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start the tasks."""
        self._spawn(self._send_entries(), "outbox.send")
        self._spawn(self._settle_forever(), "outbox.settle")

    async def stop(self) -> None:
        """End the tasks; what is queued is void."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def put(self, session: PartitionSession, call_id: str, effect: Emit | Refuse | Commit) -> None:
        """Queue an effect of a call."""
        if isinstance(effect, Commit):
            entry = _Entry(session, call_id, effect)
        elif isinstance(effect, Refuse):
            self._metrics.dead_letters.inc()
            entry = _Entry(session, call_id, self._refused_input(session, call_id, effect))
        else:
            record = self._output(session, call_id, effect)
            if record is None:
                return
            entry = _Entry(session, call_id, record, is_volatile=effect.is_volatile)
        self._enqueue(entry)

    def alert(
        self, session: PartitionSession, call_id: str, kind: AlertKind, **details: str
    ) -> None:
        """Queue an alert about a call, once for each kind."""
        if not self._is_news(session, call_id, kind):
            return
        named = legal_call_id(call_id)
        alert = Alert(
            event_id=event_id(named, kind),
            call_id=named,
            captured_at_ns=time.time_ns(),
            kind=kind,
            severity="warning",
            source=self._agent,
            details={"partition": str(session.partition), **details},
        )
        self._metrics.count_alert(kind)
        self.put(session, call_id, Emit(alert))

    def _refused_input(self, session: PartitionSession, call_id: str, refuse: Refuse) -> Record:
        """Return the dead letter of an input; of one that is not held any more, its position."""
        refusal = Refusal(self._agent, call_id, refuse.reason)
        message = session.message(refuse.offset)
        if message is not None:
            return dead_letter(message, refusal)
        position = InputPosition(session.tp.topic, session.partition, refuse.offset)
        return abridged_letter(b"", position, refusal)

    def _output(self, session: PartitionSession, call_id: str, effect: Emit) -> Record | None:
        """Return the record of an output, that of its dead letter if it cannot be sent."""
        output = effect.message
        topic, key = topic_of(output), output.call_id.encode(errors="replace")
        try:
            value = encode(output)
        except (TypeError, ValueError, RecursionError) as error:
            value, problem = repr(output).encode(errors="replace"), f"cannot be encoded: {error}"
        else:
            record = Record(topic, key, value)
            if record.size <= LARGEST_BYTES:
                return record
            problem = f"is too large: {record.size} bytes"
        return self._refused_output(session, call_id, Record(topic, key, value), problem)

    def _refused_output(
        self, session: PartitionSession, call_id: str, record: Record, problem: str
    ) -> Record | None:
        """Return the dead letter of an output; tell of it only once a call where it repeats."""
        self._metrics.refused_outputs.inc()
        about = {"call_id": call_id, "topic": record.topic, "partition": session.partition}
        log.error("output.refused", agent=self._agent, **about, reason=problem[:200])
        if not self._is_news(session, call_id, record.topic):
            return None
        self.alert(session, call_id, "output_refused", topic=record.topic)
        self._metrics.dead_letters.inc()
        refusal = Refusal(self._agent, call_id, f"an output for {record.topic} {problem}")
        position = InputPosition(session.tp.topic, session.partition)
        details = {"output": record.topic}
        return abridged_letter(
            record.value or b"", position, refusal, key=record.key, details=details
        )

    def _is_news(self, session: PartitionSession, call_id: str, what: str) -> bool:
        """Return whether this was not told before in the session, and take it as told."""
        key = (session.partition, session.generation, call_id, what)
        is_news = key not in self._told
        self._told.note(key)
        return is_news

    def append_marker(self, session: PartitionSession, call_id: str, record: Record) -> None:
        """Queue a marker for the input of a silent call, which no effect asked for."""
        self._metrics.stall_markers.inc()
        self._enqueue(_Entry(session, call_id, record, is_volatile=True))

    async def wait_for_room(self) -> None:
        """Wait until the queue is short enough to take more."""
        await self._has_room.wait()

    async def flush(self) -> None:
        """Wait until everything queued so far is durable and acknowledged."""
        while self._entries or self._is_sending:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(FLUSH_POLL_S)
        while self._dirty or self._settling.locked():
            await self._settle(is_last=True)

    def _enqueue(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self._queued_bytes += entry.size
        self._has_entries.set()
        if len(self._entries) >= MAX_QUEUED or self._queued_bytes >= MAX_QUEUED_BYTES:
            self._has_room.clear()

    async def _send_entries(self) -> None:
        while True:
            while not self._entries:
                self._has_entries.clear()
                await self._has_entries.wait()
            entry = self._entries.popleft()
            self._queued_bytes -= entry.size
            if 2 * len(self._entries) < MAX_QUEUED and 2 * self._queued_bytes < MAX_QUEUED_BYTES:
                self._has_room.set()
            if not entry.session.is_current:
                continue
            self._is_sending = True
            await self._carry_out(entry)
            self._is_sending = False

    async def _carry_out(self, entry: _Entry) -> None:
        if isinstance(entry.step, Commit):
            unsettled = entry.session.unsettled(entry.call_id)
            unsettled.commit(entry.step, time.monotonic() + self._store.interval_s)
            self._dirty[id(unsettled)] = unsettled
            return
        future = await self._produce(entry, entry.step)
        self._metrics.emitted.inc()
        if not entry.is_volatile and entry.session.is_current:
            entry.session.unsettled(entry.call_id).outputs.add(future)

    async def _produce(self, entry: _Entry, record: Record) -> "asyncio.Future[Any]":
        """Return a future that is done when the record, or what tells of it, is durable."""
        durable: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._in_flight.add(durable)
        durable.add_done_callback(self._in_flight.discard)
        await self._send(entry, record, durable)
        return durable

    async def _send(self, entry: _Entry, record: Record, durable: "asyncio.Future[Any]") -> None:
        try:
            sent = await self._producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            )
        except TOO_LARGE as error:
            await self._send_instead(entry, record, durable, error)
            return
        sent.add_done_callback(lambda done: self._landed(entry, record, durable, done))

    def _landed(
        self,
        entry: _Entry,
        record: Record,
        durable: "asyncio.Future[Any]",
        sent: "asyncio.Future[Any]",
    ) -> None:
        if durable.done():
            return
        error = None if sent.cancelled() else sent.exception()
        if error is None:
            durable.set_result(None)
        elif isinstance(error, TOO_LARGE):
            work = self._send_instead(entry, record, durable, error)
            self._spawn(work, "outbox.send_instead")
        else:
            durable.set_result(None)  # the process ends: nothing follows from it
            self._fail(error)

    async def _send_instead(
        self, entry: _Entry, record: Record, durable: "asyncio.Future[Any]", error: Exception
    ) -> None:
        """Send what tells of a record that the brokers call too large.

        A small one is not refused for what it holds: then the brokers take none of our batches.
        """
        if record.size <= MAX_BATCH_BYTES:
            self._fail(error)
            return
        is_letter = record.topic == DEAD_LETTERS
        letter = (
            abridged(record)
            if is_letter
            else self._refused_output(entry.session, entry.call_id, record, str(error))
        )
        if letter is None:
            durable.set_result(None)
        else:
            await self._send(entry, letter, durable)

    async def _settle_forever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_INTERVAL_S)
            if self._dirty:
                await self._settle()

    async def _settle(self, *, is_last: bool = False) -> None:
        async with self._settling:
            began = time.monotonic()
            settlements = self._take_due(math.inf if is_last else time.monotonic())
            if not settlements:
                return
            for settlement in settlements:
                await _all_durable(settlement.outputs)
                settlement.unsettled.outputs.difference_update(settlement.outputs)
            written = []
            for settlement in settlements:
                record = self._checkpoint_record(settlement)
                unsettled = settlement.unsettled
                if record is not None and unsettled.session.is_current:
                    entry = _Entry(unsettled.session, unsettled.call_id, record)
                    written.append(await self._produce(entry, record))
                    self._metrics.checkpoints.inc()
            await _all_durable(tuple(written))
            if self._is_failed:
                return
            for settlement in settlements:
                session = settlement.unsettled.session
                for commit in settlement.commits:
                    session.acknowledge(commit.offsets)
                session.release(settlement.unsettled)
                await self._bury(settlement)
            self._metrics.durable_seconds.observe(time.monotonic() - began)

    async def _bury(self, settlement: Settlement) -> None:
        """Delete what other processes wrote of a call whose closing checkpoint is durable."""
        session, call_id = settlement.unsettled.session, settlement.unsettled.call_id
        if not settlement.is_closing or not session.is_current:
            return
        for key in session.stale_keys.pop(call_id, ()):
            if key != self._store.key(call_id):
                record = Record(CHECKPOINTS, key, None, partition=session.partition)
                await self._produce(_Entry(session, call_id, record), record)

    def _take_due(self, now_s: float) -> list[Settlement]:
        due = [unsettled for unsettled in self._dirty.values() if unsettled.due_s <= now_s]
        for unsettled in due:
            del self._dirty[id(unsettled)]
        return [unsettled.settle() for unsettled in due]

    def _checkpoint_record(self, settlement: Settlement) -> Record | None:
        """Return the record of the last checkpoint, that of its dead letter if it is too large."""
        checkpoint = settlement.checkpoint
        if checkpoint is None:
            return None
        session, call_id = settlement.unsettled.session, settlement.unsettled.call_id
        try:
            key, value = self._store.encode(checkpoint)
        except (TypeError, ValueError, RecursionError) as error:
            text = Record(CHECKPOINTS, None, repr(checkpoint).encode(errors="replace"))
            return self._refused_output(session, call_id, text, f"cannot be encoded: {error}")
        record = Record(CHECKPOINTS, key, value, partition=session.partition)
        if record.size > LARGEST_BYTES:
            problem = f"is too large: {record.size} bytes"
            return self._refused_output(session, call_id, record, problem)
        return record

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin work whose failure ends the process; nothing of its call is acknowledged then."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if not self._is_failed:
            self._is_failed = True
            self._on_failure(error)


async def _all_durable(futures: "tuple[asyncio.Future[Any], ...]") -> None:
    for future in futures:
        await future
