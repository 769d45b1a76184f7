"""Reading a partition to its end: nothing that was acknowledged is left out."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from stream_app.settings import KafkaSettings
from stream_app.transport import log_reader
from stream_app.transport.log_reader import BEGINNING, read_partitions

TOPIC = "calls.checkpoints.v1"
PLACE = TopicPartition(TOPIC, 0)
RECORDS = 5


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord(
        topic=TOPIC,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=b"k",
        value=b"v",
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=1,
        headers=(),
    )


class Partition:
    """A reader of one partition of five records.

    Args:
        marks: High watermark of each answer to a fetch, the last one of all that follow.
        end: Answer to the request for the end.
    """

    def __init__(self, marks: Sequence[int], end: int) -> None:
        self._marks = list(marks)
        self._end = end
        self._mark: int | None = None
        self._next = 0

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Take the one partition."""
        assert list(partitions) == [PLACE]

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Stay at the beginning."""
        assert partitions == (PLACE,)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the end that it was made with."""
        return dict.fromkeys(partitions, self._end)

    def highwater(self, partition: TopicPartition) -> int | None:
        """Return the mark of the last answer."""
        assert partition == PLACE
        return self._mark

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next record."""
        assert partition == PLACE
        return self._next

    async def getmany(
        self, *_: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return the records below the mark of this answer."""
        assert timeout_ms
        assert max_records
        self._mark = self._marks.pop(0) if len(self._marks) > 1 else self._marks[0]
        found = [record(offset) for offset in range(self._next, self._mark)]
        self._next = max(self._next, self._mark)
        return {PLACE: found} if found else {}


async def offsets_of(partition: Partition, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(log_reader, "create_reader", lambda _: partition)
    records = read_partitions(KafkaSettings(), TOPIC, {0: BEGINNING})
    return [each.offset async for each in records]


async def test_a_new_leader_whose_first_answer_is_behind_is_read_to_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It serves what it knows to be replicated; what the last leader acknowledged may be more."""
    leader = Partition(marks=[3, 3, RECORDS], end=RECORDS)

    assert await offsets_of(leader, monkeypatch) == [*range(RECORDS)]


async def test_an_answer_to_the_request_for_the_end_that_is_too_low_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That of the embedded broker is the first offset of the last batch, and one."""
    embedded = Partition(marks=[RECORDS], end=2)

    assert await offsets_of(embedded, monkeypatch) == [*range(RECORDS)]


async def test_what_comes_later_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    growing = Partition(marks=[3, RECORDS], end=3)

    assert await offsets_of(growing, monkeypatch) == [0, 1, 2]


class LostBroker(Partition):
    """A reader that is stopped while a broker is away."""

    async def stop(self) -> None:
        """Raise what aiokafka raises then, though nobody was cancelled."""
        raise asyncio.CancelledError


async def test_what_was_read_counts_though_a_broker_is_away_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition = LostBroker(marks=[RECORDS], end=RECORDS)

    assert await offsets_of(partition, monkeypatch) == [*range(RECORDS)]
