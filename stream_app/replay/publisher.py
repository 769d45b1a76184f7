"""Publishers of the messages of replayed calls, idempotent and in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiokafka.errors import KafkaError

from schemas.audio import AudioMessage
from schemas.codec import encode_audio
from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.clients import TopicProducer, start_producer
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics


class Publisher(Protocol):
    """Produces messages of the audio topic in their order."""

    async def publish(self, message: AudioMessage) -> None:
        """Take ``message``; waits while too many messages are in flight.

        Raises:
            BrokerError: This message, or an earlier one, could not be produced.
        """
        ...

    async def flush(self) -> None:
        """Return when all messages are durable.

        Raises:
            BrokerError: One of them could not be produced.
        """
        ...


class KafkaPublisher:
    """Publishes to a topic with the call id as the key; the caller owns the producer."""

    def __init__(self, producer: TopicProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._failure: BaseException | None = None

    async def publish(self, message: AudioMessage) -> None:
        """Hand ``message`` to the producer."""
        self._raise_failure()
        try:
            delivery = await self._producer.send(
                self._topic, value=encode_audio(message), key=message.call_id.encode()
            )
        except KafkaError as error:
            raise broker_failure(f"cannot produce to {self._topic}", error) from error
        delivery.add_done_callback(self._note_delivery)

    async def flush(self) -> None:
        """Wait until every message is durable."""
        await self._producer.flush()
        self._raise_failure()

    def _note_delivery(self, delivery: asyncio.Future[object]) -> None:
        if not delivery.cancelled() and (error := delivery.exception()) is not None:
            self._failure = self._failure or error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            what = f"messages to {self._topic} were lost"
            raise broker_failure(what, self._failure) from self._failure


@asynccontextmanager
async def open_publisher(kafka: KafkaSettings, topic: str) -> AsyncIterator[KafkaPublisher]:
    """Yield a publisher to ``topic``.

    Raises:
        BrokerError: No broker answers, or the topics are not as they should be.
    """
    await check_topics(kafka, (topic,))
    producer = await start_producer(kafka)
    try:
        yield KafkaPublisher(producer, topic)
    finally:
        await stop_client(producer)
