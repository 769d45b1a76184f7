"""Return the messages of partitions from one offset to another, beside any consumer group."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import create_reader

BEGINNING = -1
READ_TIMEOUT_S = 60.0
POLL_MS = 50

log = structlog.get_logger(__name__)


async def read_partitions(
    kafka: KafkaSettings,
    topic: str,
    starts: Mapping[int, int],
    ends: Mapping[int, int] | None = None,
) -> AsyncIterator[ConsumerRecord]:
    """Yield the records of some partitions of ``topic``, in order within each.

    Args:
        kafka: Where the brokers are.
        topic: Must exist.
        starts: First offset of each partition to read; ``BEGINNING`` is the first there is.
        ends: Offset before which to stop in each partition. Without, the end of the log as the
            first answer of the brokers has it: their answer to a fetch, since the embedded
            broker answers the request for the end offset with a wrong one.

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
            open_ends = {TopicPartition(topic, number): None for number in starts} | {
                TopicPartition(topic, number): end for number, end in (ends or {}).items()
            }
            async for record in _records(reader, open_ends):
                deadline.reschedule(asyncio.get_running_loop().time() + READ_TIMEOUT_S)
                yield record
    except (KafkaError, TimeoutError) as error:
        raise BrokerError(f"{topic} cannot be read: {error!r}") from error
    finally:
        await reader.stop()


async def _seek(reader: AIOKafkaConsumer, topic: str, starts: Mapping[int, int]) -> None:
    reader.assign([TopicPartition(topic, number) for number in starts])
    first = [TopicPartition(topic, number) for number in starts if starts[number] == BEGINNING]
    if first:
        await reader.seek_to_beginning(*first)
    for number, offset in starts.items():
        if offset != BEGINNING:
            reader.seek(TopicPartition(topic, number), offset)


async def _records(
    reader: AIOKafkaConsumer, ends: dict[TopicPartition, int | None]
) -> AsyncIterator[ConsumerRecord]:
    while ends:
        batches = await reader.getmany(*ends, timeout_ms=POLL_MS)
        for partition, records in batches.items():
            for record in records:
                end = ends[partition]
                if end is None or record.offset < end:
                    yield record
        for partition in list(ends):
            if ends[partition] is None:
                ends[partition] = reader.highwater(partition)
            end = ends[partition]
            if end is not None and await reader.position(partition) >= end:
                del ends[partition]
