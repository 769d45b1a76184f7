"""Corrections on their topic: written durably, and read in the order in which they came."""

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from schemas.catalogue import FEEDBACK, encode
from schemas.classification import LabelCorrected
from stream_app.live.whole_topics import read_topic
from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.clients import TopicProducer, start_producer
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics


class FeedbackWriter:
    """Writes corrections; connects with the first one, so that no broker is needed before.

    Args:
        kafka: Where the brokers are.
        timeout_s: Longest wait for them.
    """

    def __init__(self, kafka: KafkaSettings, *, timeout_s: float) -> None:
        self._kafka = kafka
        self._timeout_s = timeout_s
        self._connection: asyncio.Task[TopicProducer] | None = None

    async def write(self, correction: LabelCorrected) -> None:
        """Return when a correction is durable.

        Raises:
            BrokerError: It is not, as far as is known: writing it again does no harm.
            ConfigurationError: The brokers cannot be reached with these settings.
        """
        if self._connection is None:
            self._connection = asyncio.create_task(self._connect())
        connection = self._connection
        try:
            async with asyncio.timeout(self._timeout_s):
                producer = await asyncio.shield(connection)  # others may wait for it too
                sent = await producer.send(
                    FEEDBACK, value=encode(correction), key=correction.call_id.encode()
                )
                await asyncio.shield(sent)
        except (KafkaError, TimeoutError) as error:
            what = f"nothing could be written to {self._kafka.topic(FEEDBACK)}"
            raise broker_failure(what, error, self._kafka.sasl_username) from error
        finally:
            self._forget(connection)

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        await asyncio.wait([connection], timeout=self._timeout_s)
        if not connection.done():
            connection.cancel()
        elif connection.exception() is None:
            await stop_client(connection.result())

    async def _connect(self) -> TopicProducer:
        await check_topics(self._kafka, (FEEDBACK,))
        return await start_producer(self._kafka)

    def _forget(self, connection: asyncio.Task[TopicProducer]) -> None:
        """Connect again with the next correction if this connection failed."""
        has_failed = connection.done() and connection.exception() is not None
        if has_failed and self._connection is connection:
            self._connection = None


async def write_correction(kafka: KafkaSettings, correction: LabelCorrected) -> None:
    """Return when a correction is durable on its topic.

    Raises:
        BrokerError: It is not.
    """
    writer = FeedbackWriter(kafka, timeout_s=kafka.request_timeout_s)
    try:
        await writer.write(correction)
    finally:
        await writer.close()


async def read_all_corrections(kafka: KafkaSettings) -> list[LabelCorrected]:
    """Return every correction on the topic, the oldest first.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    found = [
        (stamped.at_ms, stamped.message)
        async for stamped in read_topic(kafka, FEEDBACK)
        if isinstance(stamped.message, LabelCorrected)
    ]
    return [message for _, message in sorted(found, key=lambda pair: pair[0])]


def holding(corrections: Sequence[LabelCorrected]) -> list[LabelCorrected]:
    """Return the last correction of each call and task, in the order in which they came."""
    last = {(each.call_id, each.label_set, each.task): each.event_id for each in corrections}
    ids = set(last.values())
    return [each for each in corrections if each.event_id in ids]
