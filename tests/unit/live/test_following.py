"""A follower gives messages in the order in which they were made."""

import asyncio
from dataclasses import dataclass
from typing import Any, Never

import pytest
from aiokafka.errors import KafkaError

from schemas import catalogue
from schemas.audio import AudioMessage
from schemas.base import Message
from schemas.errors import BrokerError
from stream_app.live.following import Arrival, Follower
from tests.support.calls.call_messages import final, finalized, started, turn_ended


@dataclass
class Record:
    """A message as aiokafka gives it."""

    topic: str
    timestamp: int
    value: bytes
    key: bytes | None = b"call~r"


class FakeConsumer:
    """A consumer with records by partition, or with a broken connection."""

    def __init__(self, *partitions: list[Record], error: Exception | None = None) -> None:
        self._partitions = partitions
        self._error = error

    async def getmany(self, *, timeout_ms: int) -> dict[int, list[Record]]:
        """Return everything, grouped by partition."""
        del timeout_ms
        if self._error is not None:
            raise self._error
        return dict(enumerate(self._partitions))


def batch(consumer: Any, change: Exception | None = None) -> list[Arrival]:
    async def next_batch() -> list[Arrival]:
        changing: asyncio.Future[Never] = asyncio.get_running_loop().create_future()
        if change is not None:
            changing.set_exception(change)
        return await Follower(consumer, changing).next_batch()

    return asyncio.run(next_batch())


def record(message: Message | AudioMessage, timestamp: int) -> Record:
    return Record(catalogue.topic_of(message), timestamp, catalogue.encode(message))


def test_partitions_are_merged_by_time_and_causes_go_before_effects() -> None:
    messages: list[Message | AudioMessage] = [
        finalized(),
        turn_ended(0, 0, 900),
        started(),
        final(0, 0, "hello"),
    ]
    consumer = FakeConsumer(
        [record(messages[0], 9)],
        [record(messages[1], 7)],
        [record(messages[2], 1)],
        [record(messages[3], 7)],
    )

    arrived = [arrival.message for arrival in batch(consumer)]

    assert arrived == [messages[2], messages[3], messages[1], messages[0]]


def test_what_cannot_be_read_arrives_without_a_message() -> None:
    consumer = FakeConsumer(
        [Record(catalogue.TURNS, 1, b"{poison"), Record(catalogue.DEAD_LETTERS, 2, b"\xff", None)]
    )

    found = [(arrival.topic, arrival.key, arrival.message) for arrival in batch(consumer)]

    assert found == [(catalogue.TURNS, "call~r", None), (catalogue.DEAD_LETTERS, "", None)]


def test_a_broken_connection_is_a_failure() -> None:
    with pytest.raises(BrokerError, match=r"cannot be read any further: .*gone"):
        batch(FakeConsumer(error=KafkaError("gone")))


def test_topics_that_have_changed_end_the_following() -> None:
    """Otherwise messages would stop without a reason."""
    consumer = FakeConsumer([record(started(), 1)])

    with pytest.raises(BrokerError, match="is gone"):
        batch(consumer, BrokerError("the topics have changed: calls.turns.v1 is gone"))
