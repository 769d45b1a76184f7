"""Fixtures: a broker of each kind, agent processes, the calls and what is to come of them."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from schemas.audio import AudioMessage
from stream_app.transport.broker import EmbeddedBroker
from tests.kafka.cluster import KafkaCluster, create_topics
from tests.kafka.running import forget_topics, with_topics
from tests.support.calls.recorded_calls import recorded_call
from tests.support.system.fleet import Fleet
from tests.support.system.lanes import Lane, undisturbed
from tests.support.system.scenario import SETTINGS, Begin, Broker, Run, running

LONGEST = "test_long_call.py"
# Stretches of the bundled call with pauses, long turns, overlap; five calls on four partitions
STRETCHES_MS = {
    "a": (0, 12_000),
    "b": (20_000, 33_000),
    "c": (36_000, 49_000),
    "d": (57_000, 70_000),
    "e": (66_000, 78_000),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test, so that nobody waits for it alone at the end."""
    items.sort(key=lambda item: LONGEST not in item.nodeid)


@contextmanager
def running_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A new embedded broker, or the one cluster; a test may ask for topics that it alone uses."""
    if request.param == "kafka":
        cluster: KafkaCluster = request.getfixturevalue("kafka_cluster")
        is_alone = request.node.get_closest_marker("own_topics") is not None
        if is_alone:
            forget_topics(cluster)
        yield Broker(with_topics(cluster, SETTINGS), cluster)
        if is_alone:
            forget_topics(cluster)
        return
    with EmbeddedBroker() as embedded:
        settings = embedded.settings(SETTINGS)
        asyncio.run(create_topics(settings.kafka))
        pid = embedded.pid
        yield Broker(settings)
    assert not psutil.pid_exists(pid)


BOTH = ["embedded", pytest.param("kafka", marks=pytest.mark.kafka)]


@pytest.fixture(params=BOTH)
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The broker of one test."""
    with running_broker(request) as broker:
        yield broker


@pytest.fixture(scope="module", params=BOTH)
def shared_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker with one worker, for the tests of a file that end no process."""
    with (
        running_broker(request) as broker,
        Fleet(broker.settings, tmp_path_factory.mktemp("shared")) as fleet,
    ):
        agents = asyncio.run(fleet.start("shared"))
        yield broker
        assert all(agent.is_running for agent in agents.values())


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Iterator[Fleet]:
    """Agent processes on the broker, whose metrics tell of no fault; all are gone afterwards."""
    with Fleet(broker.settings, tmp_path) as fleet:
        yield fleet
        fleet.assert_lanes_repeated()


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
    """Return what begins calls on the broker of the test."""
    return beginning(broker, recordings, expected)


@pytest.fixture
def begin_shared(
    shared_broker: Broker, recordings: dict[str, list[AudioMessage]], expected: dict[str, Lane]
) -> Begin:
    """Return what begins calls on the broker that the tests of a file share."""
    return beginning(shared_broker, recordings, expected)


def beginning(
    broker: Broker, recordings: dict[str, list[AudioMessage]], expected: dict[str, Lane]
) -> Begin:
    """Return what begins calls; by default all recordings, as fast as possible."""

    def begin(
        *names: str, speed: float | None = None, copies: int = 1
    ) -> AbstractAsyncContextManager[Run]:
        recorded = {name: recordings[name] for name in names or recordings}
        return running(broker.settings.kafka, recorded, expected, speed=speed, copies=copies)

    return begin
