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
from stream_app.transport.clients import create_reader
from tests.support.system.fleet import AGENTS
from tests.support.system.lanes import LANE_TOPICS, Lane, lane_of
from tests.support.waiting import until

WATCHED = (
    catalogue.AUDIO,
    catalogue.TRANSCRIPTS,
    catalogue.TURNS,
    catalogue.FINALIZED,
    catalogue.CLASSIFICATIONS,
    catalogue.ALERTS,
    catalogue.CHECKPOINTS,
    catalogue.DEAD_LETTERS,
)
TIMEOUT_S = 60.0


class TopicWatch:
    """Reads all topics from their beginning, keeping what belongs to one run.

    Use it as a context manager.
    """

    def __init__(self, kafka: KafkaSettings, run: str) -> None:
        self.run = run
        self._partitions = kafka.partitions
        self._reader = create_reader(kafka)
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
        """Wait until all calls are finalized and every agent has closed them."""
        calls = set(call_ids)
        await self.until(
            lambda: calls <= self.finalized(), f"end of {sorted(calls)}", timeout_s=timeout_s
        )
        wanted = {(agent, call) for agent in AGENTS for call in calls}
        await self.until(lambda: wanted <= self.closed(), "closed checkpoints of all agents")

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
        wanted = [TopicPartition(t, number) for t in WATCHED for number in range(self._partitions)]
        self._reader.assign(wanted)
        await self._reader.seek_to_beginning(*wanted)
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
            for records in batches.values():
                self._records += [record for record in records if mark in _key(record)]


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """Return the headers of a record as text."""
    return {name: value.decode() for name, value in record.headers}


def _key(record: ConsumerRecord) -> str:
    return (record.key or b"").decode(errors="replace")
