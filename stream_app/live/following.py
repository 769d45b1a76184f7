"""Followers of topics: plain Kafka consumers without a group and without Faust."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Never

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from schemas import catalogue
from schemas.audio import AudioMessage
from schemas.base import Message
from schemas.errors import MalformedMessageError
from stream_app.live.past import Past, age
from stream_app.settings import KafkaSettings
from stream_app.transport import topics
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.clients import TopicReader, create_reader
from stream_app.transport.layout import fail_on_change, partitions_of
from stream_app.transport.stopping import stop_client

RESULT_TOPICS = (
    catalogue.TRANSCRIPTS,
    catalogue.TURNS,
    catalogue.FINALIZED,
    catalogue.CLASSIFICATIONS,
    catalogue.INSIGHTS,
    catalogue.ALERTS,
)
_POLL_MS = 100


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a consumer got it.

    Attributes:
        topic: Its name in the catalogue.
        message: None for a dead letter and for bytes that cannot be decoded.
        arrived_at_ns: Wall clock (Unix, ns) of the consumer.
    """

    topic: str
    key: str
    message: Message | AudioMessage | None
    arrived_at_ns: int


class Follower:
    """A consumer of all partitions of some topics.

    Args:
        consumer: Has its partitions already.
        changing: Fails when the topics change.
        past: What is given first; without, only what comes from now on.
    """

    def __init__(
        self,
        consumer: TopicReader,
        changing: "asyncio.Future[Never]",
        past: Past | None = None,
    ) -> None:
        self._consumer = consumer
        self._changing = changing
        self._past = past

    async def next_batch(self) -> list[Arrival]:
        """Return the messages that have come, oldest first, after a short wait; may be empty.

        What was there at the beginning comes in order of time, whichever partition it is on.

        Raises:
            BrokerError: The broker is gone, or the topics have changed.
        """
        if self._changing.done():
            self._changing.result()
        try:
            records = await self._next_records()
        except KafkaError as error:
            raise broker_failure("the topics cannot be read any further", error) from error
        now_ns = time.time_ns()
        return [_arrival(record, now_ns) for record in records]

    async def _next_records(self) -> list[ConsumerRecord]:
        if self._past is not None:
            records = await self._past.next_records(_POLL_MS)
            if self._past.is_over:
                self._past = None
            return records
        batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        return sorted((each for records in batches.values() for each in records), key=age)


@asynccontextmanager
async def follow(
    kafka: KafkaSettings, names: tuple[str, ...], *, is_from_beginning: bool
) -> AsyncIterator[Follower]:
    """Yield a follower of the topics ``names``, from their beginning or from now on.

    Raises:
        BrokerError: No broker answers, or the topics are not as they should be.
    """
    layout = await topics.check_topics(kafka, names)
    changing = asyncio.create_task(fail_on_change(kafka, layout))
    partitions = partitions_of(layout, kafka, names)
    consumer = create_reader(kafka)
    try:
        await _start(consumer, kafka)
        consumer.assign(partitions)
        if not is_from_beginning:
            await consumer.seek_to_end(*partitions)
        past = Past(consumer, partitions) if is_from_beginning else None
        yield Follower(consumer, changing, past)
    finally:
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        await stop_client(consumer)


async def _start(consumer: TopicReader, kafka: KafkaSettings) -> None:
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        raise broker_failure("the brokers fail", error, kafka.sasl_username) from error


def _arrival(record: ConsumerRecord, now_ns: int) -> Arrival:
    key = (record.key or b"").decode(errors="replace")
    return Arrival(record.topic, key, _decoded(record.topic, record.value or b""), now_ns)


def _decoded(topic: str, data: bytes) -> Message | AudioMessage | None:
    try:
        message: Message | AudioMessage = catalogue.decode(topic, data)
    except MalformedMessageError:
        return None
    return message
