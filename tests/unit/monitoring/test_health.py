"""What an agent tells of itself over HTTP, and whether the brokers answer it."""

import time
import urllib.error
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP
from prometheus_client import CollectorRegistry

from schemas.catalogue import AUDIO
from stream_app.monitoring.health import Health, serve_health
from stream_app.monitoring.metrics import Metrics
from stream_app.transport.consumer import ConsumerThread

TP0 = TP(AUDIO, 0)
UNIX_S = 1_800_000_000.0
NS = 1_000_000_000


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def get(port: int, path: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def statuses(port: int) -> tuple[int, int]:
    return get(port, "/healthz")[0], get(port, "/readyz")[0]


def test_a_worker_lives_before_it_is_ready_and_while_it_is_not() -> None:
    clock = Clock()
    health = Health("toy", 20, clock)
    port = serve_health("127.0.0.1", 0, CollectorRegistry(), health)
    assert statuses(port) == (200, 503)

    health.note()
    assert statuses(port) == (200, 200)

    health.note("no broker answers")
    assert statuses(port) == (200, 503)


def test_an_event_loop_that_stands_still_is_not_alive() -> None:
    """The server is a thread of its own, so it can say so."""
    clock = Clock()
    health = Health("toy", 20, clock)
    health.note()
    port = serve_health("127.0.0.1", 0, CollectorRegistry(), health)
    clock.now_s += 21

    assert statuses(port) == (503, 503)


def test_the_same_is_among_the_metrics() -> None:
    clock = Clock()
    health, metrics = Health("toy", 20, clock), Metrics("toy")
    metrics.show(health)
    port = serve_health("127.0.0.1", 0, metrics.registry, health)
    health.note()
    ready = get(port, "/metrics")[1]
    clock.now_s += 21
    frozen = get(port, "/metrics")[1]

    assert 'callstream_ready{agent="toy"} 1.0' in ready
    assert 'callstream_live{agent="toy"} 1.0' in ready
    assert 'callstream_ready{agent="toy"} 0.0' in frozen
    assert 'callstream_live{agent="toy"} 0.0' in frozen


def answer(ago_s: float | None) -> Any:
    """Return the state of a partition whose last fetch was answered that long ago."""
    timestamp_ms = None if ago_s is None else (time.time() - ago_s) * 1_000
    return SimpleNamespace(position=1, highwater=1, timestamp=timestamp_ms, has_valid_position=True)


class FakeClient:
    """aiokafka's consumer, as far as its brokers go."""

    def __init__(self, answered_ago_s: float | None) -> None:
        self._coordinator = SimpleNamespace(coordinator_id=3)
        self._fetcher = SimpleNamespace(_records={})
        self.partitions = frozenset({TopicPartition(AUDIO, 0)})
        self.states = {TopicPartition(AUDIO, 0): answer(answered_ago_s)}
        assignment = SimpleNamespace(tps=self.states, state_value=self.states.get)
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))

    def assignment(self) -> frozenset[TopicPartition]:
        """Return the partitions."""
        return self.partitions


class FakeThread(ConsumerThread):
    """A consumer thread without a thread."""

    def __init__(self, client: FakeClient | None) -> None:
        fake: Any = client
        self._consumer = fake

    def _ensure_consumer(self) -> Any:
        return self._consumer


@pytest.mark.parametrize(
    ("answered_ago_s", "is_heard"), [(1.0, True), (1_000.0, False), (None, False)]
)
def test_brokers_that_answer_no_fetch_are_gone(
    answered_ago_s: float | None, *, is_heard: bool
) -> None:
    assert FakeThread(FakeClient(answered_ago_s)).hears_brokers(100) == is_heard


def test_brokers_are_not_asked_while_what_they_sent_waits() -> None:
    """Reading has stopped; the coordinator of the group still hears from us."""
    client = FakeClient(1_000.0)
    client._fetcher._records["some"] = object()
    assert FakeThread(client).hears_brokers(100)

    client._coordinator.coordinator_id = None
    assert not FakeThread(client).hears_brokers(100)


def test_a_worker_without_partitions_needs_its_coordinator_alone() -> None:
    """There are more workers than partitions."""
    client = FakeClient(None)
    client.partitions = frozenset()

    assert FakeThread(client).hears_brokers(100)
    assert not FakeThread(None).hears_brokers(100)


def test_a_partition_whose_leader_is_gone_is_told_apart() -> None:
    """The other brokers answer, so that the agent as a whole hears them."""
    client = FakeClient(1.0)
    for number, ago_s in ((1, 1_000.0), (2, None), (3, 50.0)):
        client.states[TopicPartition(AUDIO, number)] = answer(ago_s)
    client.partitions = frozenset(TopicPartition(AUDIO, number) for number in range(5))
    thread = FakeThread(client)

    assert thread.hears_brokers(100)
    assert {tp.partition for tp in thread.unheard(100)} == {1, 2, 4}

    client._fetcher._records["some"] = object()
    assert thread.unheard(100) == frozenset()
