"""Messages of partitions from one offset to another, beside any consumer group."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.clients import TopicReader, create_reader
from stream_app.transport.stopping import stop_client

BEGINNING = -1
READ_TIMEOUT_S = 60.0
BEGINNINGS_TIMEOUT_S = 5.0
POLL_MS = 50
MAX_RECORDS = 2_000  # taken together: the event loop has other work too

log = structlog.get_logger(__name__)


async def read_partitions(
    kafka: KafkaSettings,
    topic: str,
    starts: Mapping[int, int],
    ends: Mapping[int, int] | None = None,
) -> AsyncIterator[ConsumerRecord]:
    """Yield what `read_batches` does, record by record."""
    async with aclosing(read_batches(kafka, topic, starts, ends)) as batches:
        async for batch in batches:
            for record in batch:
                yield record


async def read_batches(
    kafka: KafkaSettings,
    topic: str,
    starts: Mapping[int, int],
    ends: Mapping[int, int] | None = None,
) -> AsyncGenerator[Sequence[ConsumerRecord], None]:
    """Yield the records of some partitions of ``topic`` as they come, in order within each.

    Args:
        kafka: Where the brokers are.
        topic: Must exist.
        starts: First offset of each partition to read; ``BEGINNING`` is the first there is.
        ends: Offset before which to stop in each partition. Without, the end of the log as the
            brokers have it first: the higher one of their answers to the request for it and to a
            fetch. The embedded broker's answer to the request may be too low, and the first
            answer of a new leader to a fetch may leave out messages that were acknowledged.

    Raises:
        BrokerError: The brokers cannot be reached, or do not answer in time.
    """
    if not starts:
        return
    reader = create_reader(kafka)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S) as deadline:
            await reader.start()
            await _seek(reader, topic, starts)
            known = {TopicPartition(topic, number): end for number, end in (ends or {}).items()}
            places = [TopicPartition(topic, number) for number in starts]
            least = await reader.end_offsets([each for each in places if each not in known])
            async for batch in _batches(reader, dict.fromkeys(places) | known, least):
                deadline.reschedule(asyncio.get_running_loop().time() + READ_TIMEOUT_S)
                yield batch
    except (KafkaError, TimeoutError) as error:
        what = f"{kafka.topic(topic)} cannot be read"
        raise broker_failure(what, error, kafka.sasl_username) from error
    finally:
        await stop_client(reader)


async def _seek(reader: TopicReader, topic: str, starts: Mapping[int, int]) -> None:
    reader.assign([TopicPartition(topic, number) for number in starts])
    first = [TopicPartition(topic, number) for number in starts if starts[number] == BEGINNING]
    if first:
        await reader.seek_to_beginning(*first)
    for number, offset in starts.items():
        if offset != BEGINNING:
            reader.seek(TopicPartition(topic, number), offset)


async def _batches(
    reader: TopicReader,
    ends: dict[TopicPartition, int | None],
    least: Mapping[TopicPartition, int],
) -> AsyncIterator[Sequence[ConsumerRecord]]:
    while ends:
        batches = await reader.getmany(*ends, timeout_ms=POLL_MS, max_records=MAX_RECORDS)
        for partition, records in batches.items():
            end = ends[partition]
            yield records if end is None else [r for r in records if r.offset < end]
        for partition in list(ends):
            if ends[partition] is None and (seen := reader.highwater(partition)) is not None:
                ends[partition] = max(seen, least[partition])
            end = ends[partition]
            if end is not None and await reader.position(partition) >= end:
                del ends[partition]


async def beginnings_of(
    client: Any, committed: Mapping[TopicPartition, int | None]
) -> Mapping[TopicPartition, int]:
    """Return where logs begin; of partitions with a committed offset only if that is known soon.

    Args:
        client: A consumer of aiokafka.
        committed: The committed offset of each partition, None without one.

    Raises:
        KafkaError: The brokers do not say it of a partition without an offset.
    """
    fresh = [partition for partition, offset in committed.items() if offset is None]
    others = [partition for partition in committed if partition not in fresh]
    found = dict(await client.beginning_offsets(fresh)) if fresh else {}
    return found | dict(await beginnings_if_known(client, others) if others else {})


async def beginnings_if_known(
    client: Any, partitions: Iterable[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Return where logs begin; none of them if the brokers do not say soon.

    Args:
        client: A consumer of aiokafka.
        partitions: Of the logs.
    """
    try:
        async with asyncio.timeout(BEGINNINGS_TIMEOUT_S):
            found: Mapping[TopicPartition, int] = await client.beginning_offsets(list(partitions))
    except (KafkaError, TimeoutError) as error:
        log.warning("log.beginnings_unknown", reason=repr(error))
        return {}
    return found
