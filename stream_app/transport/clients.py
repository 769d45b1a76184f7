"""Kafka clients and their options, from the settings."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownError
from aiokafka.partitioner import DefaultPartitioner, murmur2

from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.batches import bound_batches
from stream_app.transport.metadata_requests import forbid_topic_creation
from stream_app.transport.security.sasl import sasl_options
from stream_app.transport.security.tls import tls_context

MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_BATCH_BYTES = 256 * 1024
KNOWN_KEYS = 16_384  # calls whose partition is remembered

log = structlog.get_logger(__name__)


class Producer(Protocol):
    """What is needed of an aiokafka producer."""

    async def send(  # noqa: PLR0913, PLR0917 - aiokafka's signature
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> "asyncio.Future[Any]":
        """Return a future that is done when the message is durable."""
        ...


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the options that every aiokafka client takes; none of them will create topics.

    Raises:
        ConfigurationError: A certificate or key file cannot be used, or a package is missing.
    """
    forbid_topic_creation()
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_context(kafka),
        "request_timeout_ms": int(kafka.request_timeout_s * 1000),
        **sasl_options(kafka),
    }


class KeyPartitioner:
    """Kafka's own choice of a partition, worked out once for each key: that takes 20 us here."""

    def __init__(self) -> None:
        self._without_key = DefaultPartitioner()

    def __call__(
        self, key: bytes | None, all_partitions: Sequence[int], available: Sequence[int]
    ) -> int:
        """Return the partition of a message."""
        if key is None:
            partition: int = self._without_key(key, all_partitions, available)
            return partition
        return all_partitions[_hash_of(key) % len(all_partitions)]


@lru_cache(maxsize=KNOWN_KEYS)
def _hash_of(key: bytes) -> int:
    positive: int = murmur2(key) & 0x7FFFFFFF
    return positive


class TopicProducer(AIOKafkaProducer):  # type: ignore[misc]
    """A producer to topics of the catalogue, whatever their prefix on the brokers."""

    def __init__(self, kafka: KafkaSettings, **options: Any) -> None:
        super().__init__(**client_options(kafka), **options)
        self._kafka = kafka

    async def send(self, topic: str, *args: Any, **options: Any) -> "asyncio.Future[Any]":
        """Return a future that is done when the message is durable."""
        sent: asyncio.Future[Any] = await super().send(self._kafka.topic(topic), *args, **options)
        return sent

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the partitions of a topic."""
        partitions: set[int] = await super().partitions_for(self._kafka.topic(topic))
        return partitions


class TopicReader:
    """A consumer of topics of the catalogue without a group, whatever their prefix on the brokers.

    What it takes and returns, records too, has the names of the catalogue. Each method is that of
    aiokafka's consumer.
    """

    def __init__(self, kafka: KafkaSettings, **options: Any) -> None:
        self._kafka = kafka
        self._consumer = AIOKafkaConsumer(**client_options(kafka), group_id=None, **options)

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these partitions from now on."""
        self._consumer.assign(self._on_brokers(partitions))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on with ``offset``."""
        self._consumer.seek(*self._on_brokers([partition]), offset)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        """Go on with the first message that there is."""
        await self._consumer.seek_to_beginning(*self._on_brokers(partitions))

    async def seek_to_end(self, *partitions: TopicPartition) -> None:
        """Go on with the next message that comes."""
        await self._consumer.seek_to_end(*self._on_brokers(partitions))

    def highwater(self, partition: TopicPartition) -> int | None:
        """Return the offset behind the last message, None before the first answer."""
        offset: int | None = self._consumer.highwater(*self._on_brokers([partition]))
        return offset

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset behind the last message of each partition.

        A new leader answers once it knows that all acknowledged messages are before it. That of
        the embedded broker may be too low.
        """
        asked = self._on_brokers(partitions)
        found = await self._consumer.end_offsets(asked)
        return {ours: found[theirs] for ours, theirs in zip(partitions, asked, strict=True)}

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next message to return."""
        offset: int = await self._consumer.position(*self._on_brokers([partition]))
        return offset

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int | None = None
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Return records of these partitions, or of all; waits until there are some."""
        found: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await self._consumer.getmany(
            *self._on_brokers(partitions), timeout_ms=timeout_ms, max_records=max_records
        )
        if not self._kafka.topic_prefix:
            return found
        renamed = {}
        for (topic, number), records in found.items():
            name = self._kafka.catalogue_name(topic)
            renamed[TopicPartition(name, number)] = [replace(r, topic=name) for r in records]
        return renamed

    def _on_brokers(self, partitions: Sequence[TopicPartition]) -> Sequence[TopicPartition]:
        if not self._kafka.topic_prefix:
            return partitions
        return [TopicPartition(self._kafka.topic(topic), number) for topic, number in partitions]


def create_producer(kafka: KafkaSettings, *, linger_ms: int = 2) -> TopicProducer:
    """Return a producer that is not started: idempotent, acks=all, messages up to 4 MB."""
    return TopicProducer(
        kafka,
        enable_idempotence=kafka.is_idempotent,
        acks="all",
        compression_type=None if kafka.compression == "none" else kafka.compression,
        linger_ms=linger_ms,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
        partitioner=KeyPartitioner(),
    )


async def start_producer(kafka: KafkaSettings, *, linger_ms: int = 2) -> TopicProducer:
    """Return a started producer; without idempotence where the brokers know none.

    Raises:
        BrokerError: No broker answers.
    """
    producer = create_producer(kafka, linger_ms=linger_ms)
    try:
        await producer.start()
    except UnknownError:  # what the embedded broker answers to InitProducerId
        await producer.stop()
        log.warning("producer.not_idempotent", reason="the brokers give out no producer ids")
        without = kafka.model_copy(update={"is_idempotent": False})
        return await start_producer(without, linger_ms=linger_ms)
    except KafkaError as error:
        await producer.stop()
        raise broker_failure("the brokers fail", error, kafka.sasl_username) from error
    return producer


def create_reader(kafka: KafkaSettings) -> TopicReader:
    """Return a reader that is not started; the caller assigns partitions."""
    bound_batches()
    return TopicReader(
        kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=kafka.fetch_max_wait_ms,
        max_partition_fetch_bytes=2 * MAX_REQUEST_BYTES,
    )
