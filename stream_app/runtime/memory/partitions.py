"""The sessions of the partitions that a worker holds, new with every generation."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import structlog
from faust.types import TP, Message

from schemas.catalogue import spec_of
from schemas.errors import AudioFormatError, MalformedMessageError
from stream_app.agents.definition import AgentDefinition
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.checkpoints import CheckpointStore, SavedCalls
from stream_app.runtime.memory.closed_calls import ClosedCalls
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import UnderWay, input_mark
from stream_app.settings import KafkaSettings
from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.log_clock import LogClock, ReadingState
from stream_app.transport.log_reader import read_partitions

log = structlog.get_logger(__name__)


class Consumer(Protocol):
    """What is needed of our consumer."""

    @property
    def generation(self) -> int:
        """The current generation of this process."""
        ...

    def ack(self, message: Message) -> bool:
        """Acknowledge a message."""
        ...

    def tracker(self, tp: TP) -> AckTracker | None:
        """Return the acknowledgements of a partition."""
        ...

    def handed_on(self, tp: TP) -> int | None:
        """Return the offset behind what was handed on of a partition."""
        ...

    def note_ends(self) -> Mapping[TP, ReadingState]:
        """Return how far each partition is read, after setting its clock by where its log ends."""
        ...

    async def log_begin(self, tp: TP) -> int | None:
        """Return where the log of a partition begins now, None if that is not known."""
        ...

    def log_clock(self, tp: TP) -> LogClock:
        """Return when the messages of a partition came to its log."""
        ...

    def hears_brokers(self, max_silence_s: float) -> bool:
        """Return whether the brokers answer."""
        ...

    def unheard(self, max_silence_s: float) -> frozenset[TP]:
        """Return the assigned partitions of which no fetch was answered within that time."""
        ...


class Partitions:
    """The sessions of the partitions that this worker holds.

    A new generation drops what was remembered, since every partition is read again from its
    committed offset; the checkpoints are read before its first event.

    Args:
        on_failure: Called when checkpoints cannot be read; the process is to end.
        under_way: Where an input that is read again is marked while it is fed.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, what it reports to
        self,
        kafka: KafkaSettings,
        definition: AgentDefinition,
        store: CheckpointStore,
        *,
        metrics: Metrics,
        on_failure: Callable[[BaseException], None],
        under_way: UnderWay | None = None,
    ) -> None:
        self._kafka = kafka
        self._definition = definition
        self._store = store
        self._metrics = metrics
        self._on_failure = on_failure
        self._under_way = under_way or UnderWay()
        self._sessions: dict[TP, PartitionSession] = {}
        self._load: asyncio.Task[None] | None = None
        self._generation = 0
        self._begun = asyncio.Event()
        self._kept_ms = spec_of(definition.input_topic).remembered_ms

    def __iter__(self) -> Any:
        """Return an iterator over the sessions."""
        return iter(tuple(self._sessions.values()))

    @property
    def is_loaded(self) -> bool:
        """Whether the checkpoints of the present generation have been read."""
        load = self._load
        return load is not None and load.done() and not load.cancelled() and not load.exception()

    @property
    def is_loading(self) -> bool:
        """Whether the checkpoints of the present generation are being read."""
        return self._load is not None and not self._load.done()

    @property
    def open_calls(self) -> int:
        """How many calls are open, of all sessions."""
        return sum(session.open_calls for session in self._sessions.values())

    @property
    def unacknowledged(self) -> int:
        """How many messages of all sessions are not acknowledged."""
        return sum(session.unacknowledged for session in self._sessions.values())

    def begin(self, assigned: Iterable[TP], consumer: Consumer) -> None:
        """Drop all memory and begin with these partitions; loads in the background."""
        self.drop()
        self._generation = consumer.generation
        self._sessions = {
            tp: PartitionSession(tp, consumer.generation, consumer.ack, ClosedCalls(self._kept_ms))
            for tp in assigned
            if tp.topic == self._kafka.topic(self._definition.input_topic)
        }
        self._metrics.generations.inc(len(self._sessions))
        self._load = asyncio.create_task(self._restore(tuple(self._sessions.values())))
        self._load.add_done_callback(self._note_load)
        self._begun.set()
        self._begun = asyncio.Event()

    def drop(self) -> None:
        """Drop all memory."""
        for session in self._sessions.values():
            session.drop()
        self._sessions = {}
        if self._load is not None:
            self._load.cancel()
            self._load = None

    async def wait_until_loaded(self) -> None:
        """Wait until the checkpoints of the present generation have been read."""
        while (load := self._load) is not None and not load.done():
            await asyncio.wait([load])

    def read_through_ns(self, session: PartitionSession, consumer: Consumer) -> int | None:
        """Return the time (monotonic clock) up to which a partition's log has been fed.

        None until what stood in it at the begin of the generation has been.
        """
        position = self._fed_position(session, consumer)
        if position is None:
            return None
        return consumer.log_clock(session.tp).read_through_ns(position)

    def lag(self, session: PartitionSession, consumer: Consumer, state: ReadingState) -> int:
        """Return how many messages of a partition's log were not fed yet."""
        position = self._fed_position(session, consumer)
        if session.fed_offset < 0 or position is None:  # all that was handed on waits
            tracker = consumer.tracker(session.tp)
            position = state.position - (tracker.unacknowledged if tracker is not None else 0)
        return max(0, state.end - position)

    @staticmethod
    def _fed_position(session: PartitionSession, consumer: Consumer) -> int | None:
        """Return the offset before which all is fed, None while nothing was handed on."""
        tracker = consumer.tracker(session.tp)
        fed = session.fed_offset + 1
        is_all_fed = tracker is None or tracker.last_delivered < fed
        return consumer.handed_on(session.tp) if is_all_fed else fed

    async def session_of(self, message: Message) -> PartitionSession | None:
        """Return the memory to which a message belongs, None if that is gone.

        Before the first message of a generation it reads what open calls need again.
        """
        session = self._sessions.get(message.tp)
        while session is None or session.generation != message.generation_id:
            if (message.generation_id or 0) < self._generation:
                return None
            await self._begun.wait()  # it came before the notice of its own generation
            session = self._sessions.get(message.tp)
        if not self.is_loaded:
            await self.wait_until_loaded()
            if not self.is_loaded:
                return None
        if session.is_current and session.last_offset < 0 and session.first_offsets:
            await self._feed_again(session, message.offset)
        return session if session.is_current else None

    async def _restore(self, sessions: tuple[PartitionSession, ...]) -> None:
        found = await self._store.load(session.partition for session in sessions)
        for session in sessions:
            if session.is_current:
                self._take_up(session, found[session.partition])
        calls = sum(len(session.machines) for session in sessions)
        log.info("partitions.taken", partitions=len(sessions), open_calls=calls)

    def _note_load(self, load: "asyncio.Task[None]") -> None:
        error = None if load.cancelled() else load.exception()
        if error is not None:
            self._on_failure(error)

    def _take_up(self, session: PartitionSession, saved: SavedCalls) -> None:
        lost = session.restore(saved, self._definition.restore, self._definition.reread_from)
        self._metrics.unreadable_checkpoints.inc(saved.unreadable)
        self._metrics.lost_calls.inc(lost)

    async def _feed_again(self, session: PartitionSession, end: int) -> None:
        firsts = dict(session.first_offsets)
        session.first_offsets.clear()
        start = min(firsts.values())
        if start >= end:
            return
        records = read_partitions(
            self._kafka,
            self._definition.input_topic,
            {session.partition: start},
            {session.partition: end},
        )
        fed = 0
        async for record in records:
            if not session.is_current:
                break
            fed += self._feed_one(session, record, firsts)
        log.info("input.read_again", partition=session.partition, messages=fed)

    def _feed_one(self, session: PartitionSession, record: Any, firsts: dict[str, int]) -> bool:
        """Return whether the record belonged to an open call; its effects were seen before."""
        mark = input_mark(session.partition, record.offset)
        if self._under_way.is_convicted(mark):
            return False
        with self._under_way.marked("inputs", [mark]):
            try:
                message = self._definition.decode(record.value or b"")
                first = firsts.get(message.call_id)
                machine = session.machines.get(message.call_id)
                if first is None or machine is None or record.offset < first:
                    return False
                machine.feed(message, record.offset)
            except (MalformedMessageError, AudioFormatError):
                return False  # it is a dead letter already
            return True
