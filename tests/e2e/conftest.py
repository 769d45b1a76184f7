"""Fixtures: a broker of each kind, agent processes, the calls and what is to come of them."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import psutil
import pytest

from schemas.audio import AudioMessage
from stream_app.settings import Settings
from stream_app.transport.broker import EmbeddedBroker
from tests.e2e.fleet import Fleet
from tests.e2e.lanes import Lane, undisturbed
from tests.e2e.scenario import Begin, Broker, Run, running
from tests.kafka.cluster import KafkaCluster, create_topics
from tests.kafka.running import running_cluster
from tests.support.recorded_calls import recorded_call

SETTINGS = Settings().replace(
    kafka={
        "partitions": 4,
        "session_timeout_s": 6.0,
        "heartbeat_s": 1.0,
        "commit_interval_s": 0.2,  # whatever is committed too early is then lost in a crash
    },
    segments={"max_segment_ms": 3_000},  # short ones, so that every scenario meets many
    stalls={"stall_after_s": 300.0, "stale_after_s": 600.0},  # a test may pause its calls
)
# Stretches of the bundled call with pauses, long turns, overlap; five calls on four partitions
STRETCHES_MS = {
    "a": (0, 12_000),
    "b": (20_000, 33_000),
    "c": (36_000, 49_000),
    "d": (57_000, 70_000),
    "e": (66_000, 78_000),
}


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Three nodes of Apache Kafka with our topics, started when a test first asks for them."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        asyncio.run(create_topics(cluster.settings(SETTINGS).kafka))
        yield cluster


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A new embedded broker for each test, or the one cluster."""
    if request.param == "kafka":
        cluster: KafkaCluster = request.getfixturevalue("kafka_cluster")
        yield Broker(cluster.settings(SETTINGS), cluster)
        return
    with EmbeddedBroker() as embedded:
        settings = embedded.settings(SETTINGS)
        asyncio.run(create_topics(settings.kafka))
        pid = embedded.pid
        yield Broker(settings)
    assert not psutil.pid_exists(pid)


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agent processes on the broker; all are gone afterwards."""
    with Fleet(broker.settings, tmp_path) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def recordings() -> dict[str, list[AudioMessage]]:
    """The messages of each call by its name."""
    return {name: [*recorded_call(name, *stretch)] for name, stretch in STRETCHES_MS.items()}


@pytest.fixture(scope="session")
def expected(recordings: dict[str, list[AudioMessage]]) -> dict[str, Lane]:
    """The deterministic lane of each call, made by the state machines alone."""
    return {name: undisturbed(messages, SETTINGS) for name, messages in recordings.items()}


@pytest.fixture
def begin(
    broker: Broker, recordings: dict[str, list[AudioMessage]], expected: dict[str, Lane]
) -> Begin:
    """Return what begins calls on that broker; by default all recordings, as fast as possible."""

    def begin(
        *names: str, speed: float | None = None, copies: int = 1
    ) -> AbstractAsyncContextManager[Run]:
        recorded = {name: recordings[name] for name in names or recordings}
        return running(broker.settings.kafka, recorded, expected, speed=speed, copies=copies)

    return begin
