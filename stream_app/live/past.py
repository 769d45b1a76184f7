"""What was on the partitions when a follower began, merged by time."""

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from schemas import catalogue
from stream_app.transport.clients import TopicReader

PATIENCE_S = 10.0  # a partition without an answer for so long no longer holds up the others
MAX_RECORDS = 500  # a poll, so also what is kept of one partition
_PIPELINE_ORDER = {
    name: position
    for position, name in enumerate(
        (catalogue.AUDIO, catalogue.TRANSCRIPTS, catalogue.TURNS, catalogue.FINALIZED)
    )
}

log = structlog.get_logger(__name__)


def age(record: ConsumerRecord) -> tuple[int, int]:
    """Return when a message was produced; of one millisecond, causes go before effects."""
    return record.timestamp, _PIPELINE_ORDER.get(record.topic, len(_PIPELINE_ORDER))


class Past:
    """A merge of partitions, each up to the end that it has at its first answer.

    A record is given out once every partition whose past is unfinished has shown a later one. Only
    partitions that hold up the others are read, so at most ``MAX_RECORDS`` of each are kept, beside
    the one answer of the brokers that the consumer keeps of each.

    Args:
        consumer: Reads the partitions from their beginning.
        partitions: All that it has.
        now_s: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        consumer: TopicReader,
        partitions: Sequence[TopicPartition],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._now_s = now_s
        self._ends: dict[TopicPartition, int | None] = dict.fromkeys(partitions)  # unfinished ones
        self._missing = set(partitions)  # unfinished, with no record that waits
        self._waiting: dict[TopicPartition, deque[tuple[tuple[int, int], ConsumerRecord]]] = {
            partition: deque() for partition in partitions
        }
        self._oldest: list[tuple[tuple[int, int], TopicPartition]] = []  # a heap
        self._latest: dict[TopicPartition, tuple[int, int]] = {}
        self._progress_at_s = now_s()

    @property
    def is_over(self) -> bool:
        """Whether everything has been given out."""
        return not self._missing and not self._oldest

    async def next_records(self, timeout_ms: int) -> list[ConsumerRecord]:
        """Return the next records in order of time; may be empty.

        Raises:
            KafkaError: The broker is gone.
        """
        if self._missing:
            found = await self._consumer.getmany(
                *self._missing, timeout_ms=timeout_ms, max_records=MAX_RECORDS
            )
            for partition, records in found.items():
                self._put(partition, records)
            finished = await self._drop_finished()
            self._give_up_late_ones(has_progress=bool(found) or finished)
        return self._in_order()

    def _put(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        waiting = self._waiting[partition]
        for record in records:
            # producers' clocks differ, but a partition keeps its own order
            at = max(age(record), self._latest.get(partition, (0, 0)))
            self._latest[partition] = at
            waiting.append((at, record))
        if waiting:
            self._missing.discard(partition)
            heapq.heappush(self._oldest, (waiting[0][0], partition))

    async def _drop_finished(self) -> bool:
        """Return whether the past of any partition has been read to its end."""
        finished = []
        for partition, end in self._ends.items():
            # the answer to a fetch: the embedded broker answers a request for end offsets wrongly
            known = end if end is not None else self._consumer.highwater(partition)
            self._ends[partition] = known
            if known is not None and await self._consumer.position(partition) >= known:
                finished.append(partition)
        for partition in finished:
            self._finish(partition)
        return bool(finished)

    def _finish(self, partition: TopicPartition) -> None:
        del self._ends[partition]
        self._missing.discard(partition)

    def _give_up_late_ones(self, *, has_progress: bool) -> None:
        if has_progress or not self._missing:
            self._progress_at_s = self._now_s()
        elif self._now_s() - self._progress_at_s >= PATIENCE_S:
            late = sorted(f"{topic}-{number}" for topic, number in self._missing)
            log.warning("past.incomplete", partitions=late, waited_s=PATIENCE_S)
            for partition in list(self._missing):
                self._finish(partition)

    def _in_order(self) -> list[ConsumerRecord]:
        records = []
        while self._oldest and not self._missing:
            _, partition = heapq.heappop(self._oldest)
            waiting = self._waiting[partition]
            records.append(waiting.popleft()[1])
            if waiting:
                heapq.heappush(self._oldest, (waiting[0][0], partition))
            elif partition in self._ends:
                self._missing.add(partition)
        return records
