"""Our producer and reader: partitions as any client chooses them, names, compression."""

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from stream_app.settings import KafkaSettings
from stream_app.settings.kafka import Compression
from stream_app.transport.clients import KeyPartitioner, create_producer, create_reader


def record(topic: str, partition: int) -> ConsumerRecord:
    return ConsumerRecord(topic, partition, 0, 0, 0, b"call", b"{}", None, 4, 2, ())


@given(st.binary(max_size=60), st.integers(1, 40))
def test_the_partition_of_a_key_is_kafkas_own(key: bytes, count: int) -> None:
    partitions = list(range(count))

    assert KeyPartitioner()(key, partitions, partitions) == DefaultPartitioner()(
        key, partitions, partitions
    )


@pytest.mark.parametrize("available", [[3], []])
def test_a_message_without_a_key_goes_to_any(available: list[int]) -> None:
    """To one that is available, where one is."""
    assert KeyPartitioner()(None, [1, 2, 3], available) in (available or [1, 2, 3])


async def test_what_is_read_under_a_prefix_has_the_names_of_the_catalogue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what is asked for has those of the brokers, partition by partition."""
    asked: list[TopicPartition] = []
    found = record("team.calls.turns.v1", 2)

    async def getmany(_: object, *partitions: TopicPartition, **__: object) -> object:
        asked.extend(partitions)
        return {TopicPartition("team.calls.turns.v1", 2): [found]}

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", getmany)
    reader = create_reader(KafkaSettings(topic_prefix="team."))
    wanted = TopicPartition("calls.turns.v1", 2)

    batches = await reader.getmany(wanted, timeout_ms=1)
    await reader.stop()

    assert asked == [TopicPartition("team.calls.turns.v1", 2)]
    assert list(batches) == [wanted]
    assert [(r.topic, r.value) for r in batches[wanted]] == [("calls.turns.v1", found.value)]


@pytest.mark.parametrize(
    ("compression", "attributes"),
    [("none", 0), ("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)],
)
async def test_batches_are_compressed_as_set(compression: Compression, attributes: int) -> None:
    """With what a worker has installed; the codec stands in the attributes of a batch."""
    producer = create_producer(KafkaSettings(compression=compression))
    builder = producer.create_batch()
    builder.append(timestamp=0, key=b"call", value=b"all alike " * 100)
    batch = bytes(builder._build())
    await producer.stop()

    assert int.from_bytes(batch[21:23], "big") & 7 == attributes
