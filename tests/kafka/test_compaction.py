"""What Apache Kafka's cleaner leaves of a call's checkpoints, under our settings."""

import msgspec
import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from faust.types import TP

from schemas.catalogue import AUDIO, CHECKPOINTS, TOPICS
from schemas.operations import Checkpoint
from stream_app.calls.effects import Commit
from stream_app.calls.ended_call import EndedCall
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.checkpoints import CheckpointStore, SavedCalls
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.output.outbox import Outbox
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.clients import TopicProducer, client_options, create_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from tests.kafka.cluster import KafkaCluster, create_topics
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.e2e, pytest.mark.slow]

ONE = Settings().replace(kafka={"partitions": 1})
# The policy of the topic, its minutes made seconds
QUICK = {
    "segment.ms": "1000",
    "min.compaction.lag.ms": "100",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "1000",
}
CLEANED_S = 100.0
OPEN = Checkpoint(
    agent="toy", call_id="c", position=(0,), is_closed=False, state={"text": "x" * 2_000}
)
CLOSED = msgspec.structs.replace(
    OPEN, position=(10,), is_closed=True, state={"end_offset": 10_000_000_007}
)


async def hurry(kafka: KafkaSettings) -> None:
    (spec,) = [spec for spec in TOPICS if spec.name == CHECKPOINTS]
    assert QUICK.keys() <= spec.config.keys()
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:
        config = {**spec.config, **QUICK}
        resource = ConfigResource(ConfigResourceType.TOPIC, CHECKPOINTS, config)
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def write(producer: TopicProducer, store: CheckpointStore, checkpoint: Checkpoint) -> None:
    key, value = store.encode(checkpoint)
    await producer.send_and_wait(CHECKPOINTS, value, key=key, partition=0)


async def close_call(
    producer: TopicProducer, store: CheckpointStore, failures: list[BaseException]
) -> None:
    """Take the call over and close it, as an agent does."""
    session = PartitionSession(TP(AUDIO, 0), 1, lambda _: None)
    saved = (await store.load([0]))[0]
    session.restore(saved, lambda _: None)  # type: ignore[arg-type, return-value]
    outbox = Outbox(
        producer, store, agent="toy", metrics=Metrics("toy"), on_failure=failures.append
    )
    outbox.start()
    outbox.put(session, "c", Commit((), CLOSED))
    await outbox.flush()
    await producer.flush()
    await outbox.stop()


async def records_of_the_call(kafka: KafkaSettings) -> list[ConsumerRecord]:
    found = read_partitions(kafka, CHECKPOINTS, {0: BEGINNING})
    return [record async for record in found if record.key.startswith(b"toy:c:")]


async def test_one_small_record_is_left_of_a_closed_call(kafka_cluster: KafkaCluster) -> None:
    """Two processes wrote of it; the cleaner comes by itself, while the topic is written."""
    kafka = kafka_cluster.settings(ONE).kafka
    await create_topics(kafka)
    await hurry(kafka)
    first, second = (CheckpointStore(kafka, "toy", name) for name in ("w1", "w2"))
    failures: list[BaseException] = []
    producer = create_producer(kafka)
    await producer.start()
    try:
        for position in range(5):
            await write(producer, first, msgspec.structs.replace(OPEN, position=(position,)))
        await write(producer, second, msgspec.structs.replace(OPEN, position=(5,)))
        await close_call(producer, second, failures)
        left = await records_of_the_call(kafka)
        assert len(left) > 1

        async def is_cleaned() -> bool:
            other = msgspec.structs.replace(OPEN, call_id="other")
            await write(producer, second, other)  # so that the file that is written is closed
            left[:] = await records_of_the_call(kafka)
            return len(left) <= 1

        await until(
            is_cleaned,
            lambda: f"single record: {[(r.key, r.offset) for r in left]}",
            limit_s=CLEANED_S,
        )
        loaded: SavedCalls = (await first.load([0]))[0]
    finally:
        await producer.stop()

    assert failures == []
    assert left[0].key == b"toy:c:w2"
    assert len(left[0].value) < 250
    assert [ended for ended, _ in loaded.closed.values()] == [EndedCall(10_000_000_007)]
    assert list(loaded.open) == ["other"]
