"""Fixtures of the integration tests: brokers with their topics."""

import asyncio
from collections.abc import Iterator

import pytest

from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.topics import create_topics
from tests.integration.admin import delete, existing
from tests.kafka.cluster import KafkaCluster
from tests.kafka.cluster import create_topics as create_topics_on
from tests.kafka.libraries import KafkaUnavailableError, kafka_jars
from tests.kafka.running import running_cluster

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
def any_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Settings of the embedded broker, then of Apache Kafka; calls need ids of their own."""
    patient = SETTINGS.replace(stalls={"stall_after_s": 300.0, "stale_after_s": 600.0})
    if request.param == "embedded":
        with EmbeddedBroker() as running:
            settings = running.settings(patient)
            asyncio.run(create_topics(settings.kafka))
            yield settings
        return
    try:
        jars = kafka_jars()
    except KafkaUnavailableError as error:
        pytest.skip(str(error))
    with KafkaCluster(tmp_path_factory.mktemp("kafka"), jars) as cluster:
        settings = cluster.settings(patient)
        asyncio.run(create_topics_on(settings.kafka))
        yield settings


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka that creates every topic it is asked for, as it does by default."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        settings = cluster.settings(BARE_SETTINGS)
        asyncio.run(create_topics_on(settings.kafka))  # waits until the brokers are there
        yield cluster


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bare(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a broker that has no topics."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.settings(BARE_SETTINGS)
        return
    cluster: KafkaCluster = request.getfixturevalue("cluster")
    settings = cluster.settings(BARE_SETTINGS)
    asyncio.run(delete(settings.kafka, *existing(settings.kafka)))
    yield settings
