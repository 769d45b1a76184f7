"""See what comes out of the topics."""

import asyncio
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import ConsumerRecord, TopicPartition

from schemas import catalogue
from schemas.base import RUN_SEPARATOR
from schemas.codec import decode_json
from schemas.operations import Checkpoint
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import TopicReader, create_reader
from stream_app.transport.log_reader import BEGINNING, read_batches
from tests.support.system.fleet import AGENTS
from tests.support.system.lanes import LANE_TOPICS, Lane, lane_of
from tests.support.waiting import until

WATCHED = (
    catalogue.AUDIO,
    catalogue.TRANSCRIPTS,
    catalogue.TURNS,
    catalogue.FINALIZED,
    catalogue.CLASSIFICATIONS,
    catalogue.INSIGHTS,
    catalogue.ALERTS,
    catalogue.CHECKPOINTS,
    catalogue.DEAD_LETTERS,
)
TIMEOUT_S = 60.0


class TopicWatch:
    """Reads all topics from their beginning, keeping what belongs to one run.

    Use it as a context manager.

    A condition on one topic says nothing about the others: they have other leaders, and one of them
    may answer later. `catch_up` comes before a comparison of what else there is.

    Args:
        kafka: Where the brokers are.
        run: Part of the keys that are kept.
        reader: That of the topics, not started.
    """

    def __init__(self, kafka: KafkaSettings, run: str, reader: TopicReader | None = None) -> None:
        self.run = run
        self._kafka = kafka
        self._places = [
            TopicPartition(topic, number) for topic in WATCHED for number in range(kafka.partitions)
        ]
        self._next = dict.fromkeys(self._places, BEGINNING)
        self._reader = reader or create_reader(kafka)
        self._records: list[ConsumerRecord] = []
        self._task: asyncio.Task[None] | None = None

    async def until(
        self, condition: Callable[[], bool], what: str, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Wait until ``condition`` holds.

        Raises:
            AssertionError: It does not within ``timeout_s``; says what is there instead.
        """

        def holds() -> bool:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            return condition()

        await until(holds, lambda: f"{what}: {self}", limit_s=timeout_s)

    async def until_finalized(self, *call_ids: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until all calls are finalized, every agent has closed them, and all is read."""
        calls = set(call_ids)
        await self.until(
            lambda: calls <= self.finalized(), f"end of {sorted(calls)}", timeout_s=timeout_s
        )
        wanted = {(agent, call) for agent in AGENTS for call in calls}
        await self.until(lambda: wanted <= self.closed(), "closed checkpoints of all agents")
        await self.catch_up()

    async def catch_up(self) -> None:
        """Wait until everything is read that is on the topics now."""
        ends = await asyncio.gather(*(self._ends(topic) for topic in WATCHED))
        wanted = {place: end for found in ends for place, end in found.items()}
        await self.until(
            lambda: all(self._next[place] >= end for place, end in wanted.items()),
            "everything on the topics",
        )

    def finalized(self) -> set[str]:
        """Return the ids of the calls that are finalized."""
        return {_key(record) for record in self.of(catalogue.FINALIZED)}

    def closed(self) -> set[tuple[str, str]]:
        """Return (agent, call id) of the closing checkpoints."""
        return {(c.agent, c.call_id) for c in self.checkpoints() if c.is_closed}

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints of all agents in the order of the topic."""
        records = [r for r in self.of(catalogue.CHECKPOINTS) if _key(r).startswith(AGENTS)]
        values = [record.value for record in records if record.value is not None]
        return [decode_json(value, Checkpoint) for value in values]

    def of(self, topic: str, call_id: str = "") -> Iterator[ConsumerRecord]:
        """Yield the records of a topic, perhaps of one call only."""
        for record in self._records:
            if record.topic == topic and call_id in ("", _key(record)):
                yield record

    def messages(self, topic: str, call_id: str, schema: str) -> list[dict[str, Any]]:
        """Return the JSON messages of a topic, call and schema."""
        decoded = (orjson.loads(record.value) for record in self.of(topic, call_id))
        return [message for message in decoded if message["schema"] == schema]

    def lane(self, call_id: str) -> Lane:
        """Return the deterministic lane of a call so far."""
        found = [(r.topic, r.value) for r in self._records if _key(r) == call_id]
        return lane_of((t, v) for t, v in found if t in LANE_TOPICS)

    def __str__(self) -> str:
        """Say how many records of which topic there are."""
        counts = {topic: sum(1 for _ in self.of(topic)) for topic in WATCHED}
        return f"{counts}, finalized {sorted(self.finalized())}"

    async def __aenter__(self) -> Self:
        """Begin to read."""
        await self._reader.start()
        self._reader.assign(self._places)
        await self._reader.seek_to_beginning(*self._places)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._reader.stop()

    async def _read(self) -> None:
        mark = f"{RUN_SEPARATOR}{self.run}"
        while True:
            batches = await self._reader.getmany(timeout_ms=100)
            for place, records in batches.items():
                self._records += [record for record in records if mark in _key(record)]
                self._next[place] = records[-1].offset + 1

    async def _ends(self, topic: str) -> dict[TopicPartition, int]:
        """Return the offset behind the last record of each partition that has unread ones."""
        starts = {place.partition: self._next[place] for place in self._places if place[0] == topic}
        ends: dict[TopicPartition, int] = {}
        async for batch in read_batches(self._kafka, topic, starts):
            for record in batch:
                ends[TopicPartition(topic, record.partition)] = record.offset + 1
        return ends


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """Return the headers of a record as text."""
    return {name: value.decode() for name, value in record.headers}


def _key(record: ConsumerRecord) -> str:
    return (record.key or b"").decode(errors="replace")
