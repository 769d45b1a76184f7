"""What was on the topics already is shown in order of time, whichever partition it is on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Never

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalogue
from stream_app.live import past as past_module
from stream_app.live.following import Follower
from stream_app.live.past import PATIENCE_S, Past
from tests.support.examples import examples

TOPICS = (catalogue.TRANSCRIPTS, catalogue.TURNS, catalogue.FINALIZED)


@dataclass(frozen=True)
class Record:
    """A record as aiokafka gives it, as far as a merge looks at it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes = b"call~r"
    value: bytes = b""


@dataclass
class FakePartition:
    """A partition on a broker and what a consumer has read of it."""

    records: list[Record]
    end: int
    position: int = 0
    is_answering: bool = True
    has_answered: bool = False

    def read(self, count: int) -> list[Record]:
        """Return the next ``count`` records; the answer without any shows where the end is."""
        self.has_answered = True
        later = [each for each in self.records if each.offset >= self.position]
        taken = later[:count]
        if len(taken) == len(later):
            self.position = max(self.end, *(each.offset + 1 for each in taken), 0)
        else:
            self.position = taken[-1].offset + 1 if taken else self.position
        return taken


@dataclass
class FakeConsumer:
    """A consumer whose partitions answer in any order, each poll some of them."""

    partitions: dict[TopicPartition, FakePartition]
    random: Random
    now_s: float = 0.0
    read: int = 0
    asked: list[int] = field(default_factory=list)

    async def getmany(
        self, *asked: TopicPartition, timeout_ms: int, max_records: int = 1000
    ) -> dict[TopicPartition, list[Record]]:
        """Return records of a few of the partitions that were asked for, or of any."""
        self.asked.append(max_records)
        found: dict[TopicPartition, list[Record]] = {}
        among = sorted(asked or self.partitions)
        answering = [each for each in among if self.partitions[each].is_answering]
        for partition in self.random.sample(answering, min(len(answering), 2)):
            records = self.partitions[partition].read(self.random.randint(0, max_records))
            max_records -= len(records)
            if records:
                found[partition] = records
        self.now_s += 0.0 if found else timeout_ms / 1000
        self.read += sum(map(len, found.values()))
        return found

    def highwater(self, partition: TopicPartition) -> int | None:
        """Return the end of a partition that has answered."""
        state = self.partitions[partition]
        return state.end if state.has_answered else None

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset that is read next."""
        return self.partitions[partition].position


def log(
    number: int, timestamps: Sequence[int], *, first: int = 0, holes: int = 0
) -> tuple[TopicPartition, FakePartition]:
    """Return a partition that begins at an offset and from whose end records were compacted."""
    topic = TOPICS[number % len(TOPICS)]
    records = [
        Record(topic, number, first + index, timestamp)
        for index, timestamp in enumerate(timestamps)
    ]
    end = first + len(records) + holes
    return TopicPartition(topic, number), FakePartition(records, end, position=first)


def everything(past: Past, polls: int = 10_000) -> list[Any]:
    async def read() -> list[Any]:
        records: list[Any] = []
        for _ in range(polls):
            records += await past.next_records(100)
            if past.is_over:
                return records
        raise AssertionError("the past has no end")

    return asyncio.run(read())


# From a seed: one that hypothesis draws from number by number takes seconds an example
randoms = st.integers(0, 2**32 - 1).map(Random)
partitions = st.lists(
    st.tuples(
        st.lists(st.integers(0, 50), max_size=12).map(sorted),
        st.integers(0, 1000),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=7,
)


@examples(40)
@given(partitions, randoms)
def test_all_partitions_come_out_as_one_in_order_of_time(
    contents: list[tuple[list[int], int, int]], random: Random
) -> None:
    """Empty ones, trimmed ones and ones with holes as well, whichever answers first."""
    logs = dict(
        log(number, timestamps, first=first, holes=holes)
        for number, (timestamps, first, holes) in enumerate(contents)
    )
    consumer: Any = FakeConsumer(logs, random)

    records = everything(Past(consumer, list(logs), now_s=lambda: 0.0))

    ages = [(each.timestamp, TOPICS.index(each.topic)) for each in records]
    assert ages == sorted(ages)
    for partition, state in logs.items():
        assert [each for each in records if each.partition == partition.partition] == state.records


@examples(40)
@given(
    st.lists(st.lists(st.integers(0, 50), max_size=12), min_size=1, max_size=5),
    randoms,
)
def test_a_partition_keeps_its_order_where_the_clocks_of_producers_differ(
    contents: list[list[int]], random: Random
) -> None:
    logs = dict(log(number, timestamps) for number, timestamps in enumerate(contents))
    consumer: Any = FakeConsumer(logs, random)

    records = everything(Past(consumer, list(logs), now_s=lambda: 0.0))

    for partition, state in logs.items():
        assert [each for each in records if each.partition == partition.partition] == state.records


def test_a_long_partition_waits_on_the_broker_for_the_others(monkeypatch: Any) -> None:
    """Else a follower of two weeks of calls would hold them all in memory."""
    monkeypatch.setattr(past_module, "MAX_RECORDS", 10)
    logs = dict([log(0, range(1000)), log(1, [2000])])
    consumer: Any = FakeConsumer(logs, Random(7))
    past = Past(consumer, list(logs), now_s=lambda: 0.0)

    async def most_kept() -> tuple[int, int]:
        given = kept = 0
        while not past.is_over:
            given += len(await past.next_records(100))
            kept = max(kept, consumer.read - given)
        return given, kept

    given, kept = asyncio.run(most_kept())

    assert given == 1001
    assert kept <= 20
    assert set(consumer.asked) == {10}


def test_a_partition_that_never_answers_holds_the_others_up_for_a_while_only() -> None:
    """Its leader may be down for hours."""
    logs = dict([log(0, [1, 2, 3]), log(1, [1])])
    logs[TopicPartition(catalogue.TURNS, 1)].is_answering = False
    consumer: Any = FakeConsumer(logs, Random(7))

    records = everything(Past(consumer, list(logs), now_s=lambda: consumer.now_s))

    assert [each.timestamp for each in records] == [1, 2, 3]
    assert PATIENCE_S <= consumer.now_s < PATIENCE_S + 2


def test_a_follower_gives_the_past_and_then_what_comes() -> None:
    logs = dict([log(0, [7, 8]), log(2, [9])])
    consumer: Any = FakeConsumer(logs, Random(7))

    async def topics_given() -> list[str]:
        changing: asyncio.Future[Never] = asyncio.get_running_loop().create_future()
        past = Past(consumer, list(logs), now_s=lambda: 0.0)
        follower = Follower(consumer, changing, past)
        topics: list[str] = []
        while not past.is_over:
            topics += [each.topic for each in await follower.next_batch()]
        later = Record(catalogue.TRANSCRIPTS, 0, 2, 5)
        logs[TopicPartition(catalogue.TRANSCRIPTS, 0)].records.append(later)
        while len(topics) < 4:
            topics += [each.topic for each in await follower.next_batch()]
        return topics

    transcripts, finalized = catalogue.TRANSCRIPTS, catalogue.FINALIZED
    assert asyncio.run(topics_given()) == [transcripts, transcripts, finalized, transcripts]
