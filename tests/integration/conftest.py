"""Fixtures of the integration tests: brokers with their topics."""

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics
from tests.kafka.cluster import KafkaCluster
from tests.kafka.running import with_topics, without_topics

SETTINGS = Settings().replace(
    kafka={"partitions": 4, "session_timeout_s": 3.0, "heartbeat_s": 0.5},
    stalls={"stall_after_s": 1.0, "stale_after_s": 2.0},
)
BARE_SETTINGS = Settings().replace(kafka={"partitions": 3, "request_timeout_s": 11.0})


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of a fresh embedded broker with its topics."""
    with EmbeddedBroker() as running:
        settings = running.settings(SETTINGS)
        asyncio.run(create_topics(settings.kafka))
        yield settings


@pytest.fixture(scope="module", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of the embedded broker, then of Apache Kafka; calls need ids of their own."""
    patient = SETTINGS.replace(stalls={"stall_after_s": 300.0, "stale_after_s": 600.0})
    if request.param == "embedded":
        with EmbeddedBroker() as running:
            settings = running.settings(patient)
            asyncio.run(create_topics(settings.kafka))
            yield settings
        return
    cluster: KafkaCluster = request.getfixturevalue("kafka_cluster")
    without_topics(cluster, patient)
    yield with_topics(cluster, patient)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bare(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a broker that has no topics; Kafka creates every one that it is asked for."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.settings(BARE_SETTINGS)
        return
    yield without_topics(request.getfixturevalue("kafka_cluster"), BARE_SETTINGS)
