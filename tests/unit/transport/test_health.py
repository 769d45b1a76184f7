"""What a worker says of itself: that it lives, that it is ready, how far it is behind."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP, Message
from prometheus_client import CollectorRegistry

from stream_app.settings import KafkaSettings
from stream_app.topics import AUDIO
from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.consumer import ConsumerThread
from stream_app.transport.health import Health, serve_health
from stream_app.transport.log_clock import LogClock
from stream_app.transport.metrics import Metrics
from stream_app.transport.partitions import Partitions
from stream_app.transport.sessions import PartitionSession
from stream_app.transport.watchdog import Gauges, Pulse

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
    health = Health(20, clock)
    port = serve_health("127.0.0.1", 0, CollectorRegistry(), health)
    assert statuses(port) == (200, 503)

    health.note(can_serve=True)
    assert statuses(port) == (200, 200)

    health.note(can_serve=False)
    assert statuses(port) == (200, 503)


def test_an_event_loop_that_stands_still_is_not_alive() -> None:
    """The server is a thread of its own, so it can say so."""
    clock = Clock()
    health = Health(20, clock)
    health.note(can_serve=True)
    port = serve_health("127.0.0.1", 0, CollectorRegistry(), health)
    clock.now_s += 21

    assert statuses(port) == (503, 503)


def test_the_same_is_among_the_metrics() -> None:
    clock = Clock()
    health, metrics = Health(20, clock), Metrics("toy")
    metrics.show(health)
    port = serve_health("127.0.0.1", 0, metrics.registry, health)
    health.note(can_serve=True)
    ready = get(port, "/metrics")[1]
    clock.now_s += 21
    frozen = get(port, "/metrics")[1]

    assert 'callstream_ready{agent="toy"} 1.0' in ready
    assert 'callstream_live{agent="toy"} 1.0' in ready
    assert 'callstream_ready{agent="toy"} 0.0' in frozen
    assert 'callstream_live{agent="toy"} 0.0' in frozen


class FakePartitions(Partitions):
    """One partition."""

    def __init__(self) -> None:
        self.session = PartitionSession(TP0, 1, lambda _: None)
        self.has_loaded = True

    @property
    def is_loaded(self) -> bool:
        """Whether the checkpoints have been read."""
        return self.has_loaded

    def __iter__(self) -> Iterator[PartitionSession]:
        """Return an iterator over the one session."""
        return iter([self.session])


class FakeConsumer:
    """A consumer of one partition whose log the test sees."""

    def __init__(self) -> None:
        self.clock = LogClock()
        self.delivered = AckTracker(0)
        self.position = 0
        self.has_brokers = True

    def note_ends(self) -> None:
        """Do nothing: the test notes them."""

    def hears_brokers(self, _: float) -> bool:
        """Return what the test says."""
        return self.has_brokers

    def log_clock(self, _: TP) -> LogClock:
        """Return the clock."""
        return self.clock

    def tracker(self, _: TP) -> AckTracker:
        """Return what was delivered."""
        return self.delivered

    def handed_on(self, _: TP) -> int:
        """Return the position."""
        return self.position


@pytest.mark.parametrize("has_loaded", [True, False])
@pytest.mark.parametrize("has_brokers", [True, False])
def test_ready_takes_the_brokers_and_the_checkpoints(
    *, has_loaded: bool, has_brokers: bool
) -> None:
    partitions, consumer, health = FakePartitions(), FakeConsumer(), Health(20, Clock())
    partitions.has_loaded, consumer.has_brokers = has_loaded, has_brokers
    shell: Any = consumer

    Pulse(partitions, shell, health, KafkaSettings()).look(0.0)

    assert health.is_live
    assert health.is_ready == (has_loaded and has_brokers)


class Meter:
    """A worker whose gauges are read."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.metrics = Metrics("toy")
        self.partitions, self.consumer = FakePartitions(), FakeConsumer()
        shell: Any = self.consumer
        self.gauges = Gauges(
            self.partitions, shell, self.metrics, wall_s=lambda: UNIX_S + self.now_s
        )

    def end(self, end: int) -> None:
        """See the end of the log."""
        self.consumer.clock.note(end, int(self.now_s * NS))

    def feed(self, offset: int, *, ago_s: float = 0.0, is_acknowledged: bool = True) -> None:
        """Feed a message that is so old."""
        session = self.partitions.session
        message = Message(
            AUDIO, 0, offset, UNIX_S + self.now_s - ago_s, 0, [], b"c", b"v", None, tp=TP0
        )
        self.consumer.delivered.deliver(offset)
        self.consumer.position = offset + 1
        session.keep(message)
        session.fed_offset = offset
        if is_acknowledged:
            session.acknowledge([offset])

    def read(self) -> tuple[float, float]:
        """Return the ages of the oldest unacknowledged and of the oldest unread input."""
        self.gauges.look(self.now_s)
        read = self.metrics.registry.get_sample_value
        labels = {"agent": "toy"}
        unacknowledged = read("callstream_oldest_unacknowledged_seconds", labels)
        unread = read("callstream_oldest_unread_seconds", labels)
        assert unacknowledged is not None
        assert unread is not None
        return unacknowledged, unread


def test_a_silent_call_hides_no_lag() -> None:
    """It holds its last chunk; all that came since has been read."""
    meter = Meter()
    meter.end(0)
    meter.feed(0, is_acknowledged=False)
    for offset in range(1, 41):
        meter.now_s += 1
        meter.end(offset + 1)
        meter.feed(offset)

    assert meter.read() == (40.0, 0.0)


def test_a_worker_that_is_behind_says_by_how_much() -> None:
    meter = Meter()
    for end in range(61):
        meter.end(end)
        meter.now_s += 1
    meter.feed(20, ago_s=40)

    assert meter.read() == (0.0, 40.0)


def test_a_worker_without_a_broker_falls_behind() -> None:
    """Nobody knows what stands in the log."""
    meter = Meter()
    meter.end(0)
    meter.now_s += 300

    assert meter.read() == (0.0, 300.0)


def test_a_worker_that_takes_over_is_as_far_behind_as_what_it_reads() -> None:
    meter = Meter()
    meter.end(1_000)
    meter.feed(20, ago_s=500)

    assert meter.read() == (0.0, 500.0)


class FakeClient:
    """aiokafka's consumer, as far as its brokers go."""

    def __init__(self, answered_ago_s: float | None) -> None:
        self._coordinator = SimpleNamespace(coordinator_id=3)
        self._fetcher = SimpleNamespace(_records={})
        self.partitions = frozenset({TopicPartition(AUDIO, 0)})
        timestamp_ms = None if answered_ago_s is None else (time.time() - answered_ago_s) * 1_000
        state = SimpleNamespace(
            position=1, highwater=1, timestamp=timestamp_ms, has_valid_position=True
        )
        assignment = SimpleNamespace(tps=self.partitions, state_value=lambda _: state)
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
