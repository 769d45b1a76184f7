"""Return the checkpoints of a partition: written behind the outputs, read on assignment."""

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from schemas.codec import decode_json, encode_json
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from stream_app.settings import KafkaSettings
from stream_app.topics import CHECKPOINTS
from stream_app.transport.log_reader import BEGINNING, read_partitions

CLOSED_KEPT_S = 24 * 3600

log = structlog.get_logger(__name__)


def later_checkpoint(current: Checkpoint | None, challenger: Checkpoint) -> Checkpoint:
    """Return the checkpoint to resume from, where ``challenger`` stands later in the log.

    The higher position wins, whoever wrote last: a zombie may write an older one late. At equal
    positions a closed call stays closed; else the later one wins.
    """
    if current is None:
        return challenger
    ours = (current.position, current.is_closed)
    theirs = (challenger.position, challenger.is_closed)
    return challenger if theirs >= ours else current


def merge(checkpoints: Iterable[Checkpoint], agent: str) -> dict[str, Checkpoint]:
    """Return the checkpoint to resume from of each call of ``agent``, read in log order."""
    merged: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        if checkpoint.agent == agent:
            call_id = checkpoint.call_id
            merged[call_id] = later_checkpoint(merged.get(call_id), checkpoint)
    return merged


def drop_expired(checkpoints: Mapping[str, Checkpoint], now_ns: int) -> dict[str, Checkpoint]:
    """Return the checkpoints without those of calls that closed more than 24 hours ago."""
    horizon_ns = now_ns - CLOSED_KEPT_S * 1_000_000_000
    return {
        call_id: checkpoint
        for call_id, checkpoint in checkpoints.items()
        if not checkpoint.is_closed or checkpoint.written_at_ns >= horizon_ns
    }


class CheckpointStore:
    """The checkpoints of one agent.

    Args:
        agent: Whose checkpoints to read.
        writer: Distinguishes this process. It is part of the key, since compaction keeps the last
            record of a key and not the one with the highest position: without it a zombie's late
            checkpoint would outlive the newer one.
        now_ns: The wall clock.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        agent: str,
        writer: str,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._kafka = kafka
        self._agent = agent
        self._writer = writer
        self._now_ns = now_ns

    def encode(self, checkpoint: Checkpoint) -> tuple[bytes, bytes]:
        """Return key and value of the record that stores ``checkpoint``."""
        stamped = msgspec.structs.replace(checkpoint, written_at_ns=self._now_ns())
        key = f"{checkpoint.agent}:{checkpoint.call_id}:{self._writer}"
        return key.encode(), encode_json(stamped)

    async def load(self, partitions: Iterable[int]) -> dict[int, dict[str, Checkpoint]]:
        """Return, for each partition, the checkpoint to resume from of each call.

        Reads to the end as it stands when the first answer of the brokers comes.

        Raises:
            BrokerError: The brokers cannot be reached, or do not answer in time.
        """
        wanted = sorted(set(partitions))
        if not wanted:
            return {}
        found: dict[int, list[Checkpoint]] = {partition: [] for partition in wanted}
        starts = dict.fromkeys(wanted, BEGINNING)
        async for record in read_partitions(self._kafka, CHECKPOINTS, starts):
            checkpoint = _decoded(record.value)
            if checkpoint is not None:
                found[record.partition].append(checkpoint)
        now_ns = self._now_ns()
        return {
            partition: drop_expired(merge(checkpoints, self._agent), now_ns)
            for partition, checkpoints in found.items()
        }


def _decoded(value: bytes | None) -> Checkpoint | None:
    """Return the checkpoint, or None for a tombstone and for bytes that are no checkpoint."""
    if value is None:
        return None
    try:
        checkpoint: Checkpoint = decode_json(value, Checkpoint)
    except MalformedMessageError as error:
        log.warning("checkpoint.skipped", reason=str(error)[:200])
        return None
    return checkpoint
