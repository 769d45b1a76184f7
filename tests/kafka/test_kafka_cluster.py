"""The three nodes that the end-to-end tests rest upon hold what they promise."""

import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from faust.types import TP

from benchmarks.live.run import watching
from schemas import catalogue
from stream_app.runtime.expiry import Expiry
from stream_app.runtime.stalls import LOG_APPEND_TIME
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport import topics
from stream_app.transport.clients import client_options, create_producer
from stream_app.transport.log_reader import BEGINNING, beginnings_if_known, read_partitions
from tests.kafka.admin import create_alone, delete, with_admin
from tests.kafka.cluster import KafkaCluster, create_topics
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.e2e]
SMALL = Settings().replace(kafka={"partitions": 3})


async def produce(kafka: KafkaSettings, count: int, *, first: int = 0) -> None:
    producer = create_producer(kafka)
    await producer.start()
    try:
        for n in range(first, first + count):
            await producer.send_and_wait(catalogue.AUDIO, str(n).encode(), key=b"call")
    finally:
        await producer.stop()


async def consume(kafka: KafkaSettings) -> list[int]:
    starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
    return [int(record.value) async for record in read_partitions(kafka, catalogue.AUDIO, starts)]


async def test_messages_outlive_a_broker(kafka_cluster: KafkaCluster) -> None:
    """A node is killed: the others serve, and it comes back with its data."""
    kafka = kafka_cluster.settings(SMALL).kafka
    await create_topics(kafka)
    await produce(kafka, 5)

    kafka_cluster.nodes[0].kill()
    await produce(kafka, 5, first=5)
    kafka_cluster.restart(kafka_cluster.nodes[0])

    assert await consume(kafka) == list(range(10))


async def test_topics_are_on_the_brokers_as_the_table_says(kafka_cluster: KafkaCluster) -> None:
    kafka = kafka_cluster.settings(SMALL).kafka
    await create_topics(kafka)

    states = await topics.describe_topics(kafka)

    assert {state.spec.name: state.differences for state in states} == {
        spec.name: () for spec in catalogue.TOPICS
    }


async def test_the_brokers_say_when_audio_came(kafka_cluster: KafkaCluster) -> None:
    """Whatever the clock of the gateway says: by these times calls are ended, and audio deleted."""
    kafka = kafka_cluster.settings(SMALL).kafka
    await create_topics(kafka)
    producer = create_producer(kafka)
    await producer.start()
    try:
        before_ms = time.time_ns() // 1_000_000
        hours_ago_ms = before_ms - 5 * catalogue.HOUR_MS
        sent = await producer.send_and_wait(
            catalogue.AUDIO, b"x", partition=0, timestamp_ms=hours_ago_ms
        )
    finally:
        await producer.stop()

    (record,) = [
        record
        async for record in read_partitions(
            kafka, catalogue.AUDIO, {0: sent.offset}, {0: sent.offset + 1}
        )
    ]

    assert record.timestamp_type == LOG_APPEND_TIME
    assert record.timestamp >= before_ms


async def test_a_benchmark_watches_topics_that_were_just_made(kafka_cluster: KafkaCluster) -> None:
    kafka = kafka_cluster.settings(SMALL).kafka
    await create_topics(kafka)

    async with watching(kafka) as watcher:
        producer = create_producer(kafka)
        await producer.start()
        try:
            for partition in range(kafka.partitions):
                await producer.send_and_wait(catalogue.DEAD_LETTERS, b"{}", partition=partition)
        finally:
            await producer.stop()
        await until(lambda: watcher.dead_letters == kafka.partitions, "all partitions are read")


async def test_commit_markers_are_told_from_input_that_expired(kafka_cluster: KafkaCluster) -> None:
    """A gateway may write in transactions: each leaves a hole, where nothing was."""
    kafka = kafka_cluster.settings(SMALL).kafka
    partition = TopicPartition("written.in.transactions", 0)
    await create_alone(kafka, partition.topic, 1)
    producer = AIOKafkaProducer(**client_options(kafka), transactional_id="gateway")
    consumer = AIOKafkaConsumer(**client_options(kafka))
    await producer.start()
    await consumer.start()

    async def ask(_: TP) -> int | None:
        return (await beginnings_if_known(consumer, [partition])).get(partition)

    try:
        offsets = []
        for _ in range(3):
            async with producer.transaction():
                sent = await producer.send_and_wait(partition.topic, b"audio", partition=0)
            offsets.append(sent.offset)
        before = await Expiry(ask).expired(TP(*partition), 1, 2)
        gone = {partition: RecordsToDelete(before_offset=3)}
        await with_admin(kafka, lambda admin: admin.delete_records(gone))
        after = await Expiry(ask).expired(TP(*partition), 1, 4)
    finally:
        await consumer.stop()
        await producer.stop()
        await delete(kafka, partition.topic)

    assert offsets == [0, 2, 4]
    assert (before, after) == (0, 2)
