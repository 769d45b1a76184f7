"""Checkpoints of one agent: written behind the outputs, read on assignment."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec
import structlog
from aiokafka import ConsumerRecord

from schemas.catalogue import CHECKPOINTS, DAY_MS, LATE_WRITER_MS
from schemas.codec import decode_json, encode_json
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from stream_app.calls.ended_call import EndedCall
from stream_app.settings import KafkaSettings
from stream_app.transport.log_reader import BEGINNING, read_batches

NS_PER_MS = 1_000_000
MAX_LOGGED = 10  # of the unreadable records of a partition

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class OpenCall:
    """What the checkpoints say of a call that is not closed.

    Attributes:
        checkpoint: From which to resume.
        written_at_ms: When it was written, by the timestamp of its record (Unix, ms).
        keys: Of all records of the call, one for each process that wrote some.
    """

    checkpoint: Checkpoint
    written_at_ms: int
    keys: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class SavedCalls:
    """What the checkpoints of one partition say of the calls of one agent.

    Attributes:
        open: From where each open call goes on.
        closed: Where each closed call ended, and when it was closed (Unix, ms).
        unreadable: Records that hold no checkpoint.
    """

    open: dict[str, OpenCall] = field(default_factory=dict)
    closed: dict[str, tuple[EndedCall, int]] = field(default_factory=dict)
    unreadable: int = 0

    def merge(self, checkpoint: Checkpoint, key: bytes, at_ms: int) -> None:
        """Take in the next checkpoint of the log.

        The highest position wins, whoever wrote last: a zombie may write an older one late. At
        equal positions the later one wins. A closed call stays closed, since every worker that
        reads the log closes it at the same input.
        """
        call_id = checkpoint.call_id
        closed = self.closed.get(call_id)
        if closed is not None and not (
            checkpoint.is_closed and closed[0].is_open_to(_ended(checkpoint).end_offset)
        ):
            return
        if checkpoint.is_closed:
            self.open.pop(call_id, None)
            self.closed[call_id] = (_ended(checkpoint), at_ms)
            return
        known = self.open.get(call_id)
        if known is None:
            self.open[call_id] = OpenCall(checkpoint, at_ms, {key})
            return
        known.keys.add(key)
        if checkpoint.position >= known.checkpoint.position:
            known.checkpoint, known.written_at_ms = checkpoint, at_ms

    def drop_written_before(self, horizon_ms: int) -> None:
        """Drop the calls whose input is gone: nothing of them comes again."""
        for call_id, (_, at_ms) in tuple(self.closed.items()):
            if at_ms < horizon_ms:
                del self.closed[call_id]
        for call_id, call in tuple(self.open.items()):
            if call.written_at_ms < horizon_ms:
                log.warning("checkpoint.expired", call_id=call_id)
                del self.open[call_id]


class CheckpointStore:
    """The checkpoints of one agent.

    Args:
        agent: Whose checkpoints to read.
        writer: Distinguishes this process. It is part of the key, since compaction keeps the last
            record of a key and not the one with the highest position: without it a zombie's late
            checkpoint would outlive the newer one.
        kept_ms: How long the checkpoint of a call counts after it was written.
        now_ns: The wall clock.

    Attributes:
        interval_s: Shortest time between two checkpoints of an open call.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        agent: str,
        writer: str,
        *,
        kept_ms: int = DAY_MS,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.interval_s = kafka.checkpoint_interval_s
        self._kafka = kafka
        self._agent = agent
        self._prefix = f"{agent}:".encode()
        self._writer = writer
        self._kept_ms = kept_ms
        self._now_ns = now_ns

    def key(self, call_id: str) -> bytes:
        """Return the key under which this process writes the checkpoints of a call."""
        return f"{self._agent}:{call_id}:{self._writer}".encode()

    def encode(self, checkpoint: Checkpoint) -> tuple[bytes, bytes]:
        """Return key and value of the record that stores ``checkpoint``."""
        stamped = msgspec.structs.replace(checkpoint, written_at_ns=self._now_ns())
        return self.key(checkpoint.call_id), encode_json(stamped)

    async def load(self, partitions: Iterable[int]) -> dict[int, SavedCalls]:
        """Return what the checkpoints of each partition say, merged while they are read.

        Reads to the end as it stands when the first answer of the brokers comes.

        Raises:
            BrokerError: The brokers cannot be reached, or do not answer in time.
        """
        found = {partition: SavedCalls() for partition in sorted(set(partitions))}
        horizon_ms = self._now_ns() // NS_PER_MS - self._kept_ms
        starts = dict.fromkeys(found, BEGINNING)
        async for batch in read_batches(self._kafka, CHECKPOINTS, starts):
            for record in batch:
                key = record.key
                is_ours = key is not None and key.startswith(self._prefix)
                if is_ours and record.timestamp >= horizon_ms - LATE_WRITER_MS:
                    self._take(found[record.partition], record)
        for saved in found.values():
            saved.drop_written_before(horizon_ms)
        return found

    def _take(self, saved: SavedCalls, record: ConsumerRecord) -> None:
        if record.value is None:
            return  # a tombstone: the call is closed, as another record says
        try:
            checkpoint = _decoded(record.key, record.value)
        except MalformedMessageError as error:
            saved.unreadable += 1
            if saved.unreadable <= MAX_LOGGED:
                position = {"partition": record.partition, "offset": record.offset}
                log.warning("checkpoint.skipped", reason=str(error)[:200], **position)
            return
        saved.merge(checkpoint, record.key, record.timestamp)


def _decoded(key: bytes, value: bytes) -> Checkpoint:
    checkpoint: Checkpoint = decode_json(value, Checkpoint)
    name = f"{checkpoint.agent}:{checkpoint.call_id}:"
    if not key.startswith(name.encode(errors="replace")):
        raise MalformedMessageError("its key names another call")
    return checkpoint


def _ended(checkpoint: Checkpoint) -> EndedCall:
    try:
        return EndedCall.from_state(checkpoint.state)
    except MalformedMessageError as error:
        log.warning("checkpoint.unusable", call_id=checkpoint.call_id, reason=str(error)[:200])
        return EndedCall.unknown()
