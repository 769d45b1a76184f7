"""What an agent looks at every second: readiness, lag, what is not acknowledged, overload."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from faust.types import TP, Message

from schemas.catalogue import AUDIO
from stream_app.monitoring.health import Health
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime import watchdog
from stream_app.runtime.memory.partitions import Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.watchdog import Gauges, Overload, Pulse
from stream_app.settings import KafkaSettings
from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.log_clock import LogClock, ReadingState

TP0 = TP(AUDIO, 0)
UNIX_S = 1_800_000_000.0
NS = 1_000_000_000


class FakePartitions(Partitions):
    """One partition."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.session = PartitionSession(TP0, 1, lambda _: None, clock_s=clock_s)
        self.is_gone = False
        self.has_loaded = True
        self.loads = False

    @property
    def is_loaded(self) -> bool:
        """Whether the checkpoints have been read."""
        return self.has_loaded

    @property
    def is_loading(self) -> bool:
        """Whether they are being read."""
        return self.loads

    def __iter__(self) -> Iterator[PartitionSession]:
        """Return an iterator over the one session."""
        return iter([] if self.is_gone else [self.session])


class FakeConsumer:
    """A consumer of one partition whose log the test sees."""

    def __init__(self) -> None:
        self.clock = LogClock()
        self.delivered = AckTracker(0)
        self.position = 0
        self.log_end = 0
        self.has_brokers = True
        self.lacking: tuple[int, ...] = ()

    def note_ends(self) -> dict[TP, ReadingState]:
        """Return how far the partition is read; the test notes the ends."""
        return {TP0: ReadingState(self.position, self.log_end, 0)} if self.log_end else {}

    def hears_brokers(self, _: float) -> bool:
        """Return what the test says."""
        return self.has_brokers

    def unheard(self, _: float) -> frozenset[TP]:
        """Return what the test says."""
        return frozenset(TP(AUDIO, number) for number in self.lacking)

    async def log_begin(self, _: TP) -> int | None:
        """Return where the log begins: nothing expired."""
        return 0

    def log_clock(self, _: TP) -> LogClock:
        """Return the clock."""
        return self.clock

    def tracker(self, _: TP) -> AckTracker:
        """Return what was delivered."""
        return self.delivered

    def handed_on(self, _: TP) -> int:
        """Return the position."""
        return self.position


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({}, ""),
        ({"has_brokers": False}, "no broker answers"),
        ({"has_loaded": False}, "waits for its partitions"),
        ({"has_loaded": False, "loads": True}, "recovers: reads checkpoints"),
        ({"has_brokers": False, "has_loaded": False}, "no broker answers"),
        ({"lacking": (3, 11)}, "lacks partition 3, 11"),
    ],
)
def test_an_agent_says_why_it_is_not_ready(wrong: dict[str, Any], problem: str) -> None:
    partitions, consumer, health = FakePartitions(), FakeConsumer(), Health("toy", 20)
    partitions.has_loaded = wrong.get("has_loaded", True)
    partitions.loads = wrong.get("loads", False)
    consumer.has_brokers = wrong.get("has_brokers", True)
    consumer.lacking = wrong.get("lacking", ())
    shell: Any = consumer

    Pulse(partitions, shell, health, KafkaSettings()).look(0.0)

    assert health.is_live
    assert health.problem == problem
    assert health.is_ready == (not problem)


class Meter:
    """An agent on one partition whose gauges are read."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.metrics = Metrics("toy")
        self.partitions, self.consumer = FakePartitions(lambda: self.now_s), FakeConsumer()
        shell: Any = self.consumer
        self.gauges = Gauges(
            self.partitions, shell, self.metrics, wall_s=lambda: UNIX_S + self.now_s
        )

    def end(self, end: int) -> None:
        """See the end of the log."""
        self.consumer.clock.note(end, int(self.now_s * NS))
        self.consumer.log_end = end

    def feed(
        self,
        offset: int,
        *,
        call: bytes = b"c",
        ago_s: float = 0.0,
        is_acknowledged: bool = True,
    ) -> None:
        """Feed a message of a call that is so old."""
        session = self.partitions.session
        message = Message(
            AUDIO, 0, offset, UNIX_S + self.now_s - ago_s, 0, [], call, b"v", None, tp=TP0
        )
        self.consumer.delivered.deliver(offset)
        self.consumer.position = offset + 1
        session.keep(message)
        session.fed_offset = offset
        if is_acknowledged:
            session.acknowledge([offset])
            self.consumer.delivered.acknowledge(offset)

    def read(self, name: str, **labels: str) -> float | None:
        """Return a gauge."""
        self.gauges.look(self.now_s)
        labels = {"agent": "toy", **labels}
        return self.metrics.registry.get_sample_value(f"callstream_{name}", labels)

    @property
    def unread_s(self) -> float | None:
        """The lag in seconds."""
        return self.read("oldest_unread_seconds")

    @property
    def unacknowledged_s(self) -> float | None:
        """The age of the oldest unacknowledged input of all calls."""
        return self.read("oldest_unacknowledged_seconds")

    @property
    def active_s(self) -> float | None:
        """The age of that of the calls that are not idle."""
        return self.read("oldest_unacknowledged_active_seconds")


def test_a_silent_call_hides_nobodys_lag() -> None:
    """It holds its last chunk; all that came since has been read."""
    meter = Meter()
    meter.end(0)
    meter.feed(0, call=b"silent", is_acknowledged=False)
    for offset in range(1, 41):
        meter.now_s += 1
        meter.end(offset + 1)
        meter.feed(offset)

    assert (meter.unacknowledged_s, meter.active_s, meter.unread_s) == (40.0, 0.0, 0.0)

    meter.feed(41, is_acknowledged=False)
    meter.now_s += 5
    meter.end(42)

    assert (meter.unacknowledged_s, meter.active_s) == (45.0, 5.0)


def test_the_only_call_of_a_partition_is_idle_once_it_is_silent() -> None:
    meter = Meter()
    meter.end(0)
    meter.feed(0, is_acknowledged=False)
    ages = []
    for _ in range(20):
        meter.now_s += 1
        meter.end(1)
        ages.append(meter.active_s)

    assert ages == [float(age) for age in range(1, 15)] + [0.0] * 6


def test_calls_of_which_input_stands_unread_are_not_idle() -> None:
    """The agent stopped reading: everybody waits for it, and it does not hide that."""
    meter = Meter()
    meter.end(0)
    meter.feed(0, is_acknowledged=False)
    for end in range(2, 62):
        meter.now_s += 1
        meter.end(end)

    assert meter.active_s == 60.0


def test_what_was_acknowledged_is_not_remembered() -> None:
    meter = Meter()
    for offset in range(3_000):
        meter.feed(offset, call=str(offset).encode())
    meter.feed(3_000, is_acknowledged=False)

    assert meter.active_s == 0.0
    assert len(meter.partitions.session._heard_s) == 1


def test_a_worker_that_is_behind_says_by_how_much() -> None:
    meter = Meter()
    for end in range(61):
        meter.end(end)
        meter.now_s += 1
    meter.feed(20, ago_s=40)

    assert (meter.unacknowledged_s, meter.unread_s) == (0.0, 40.0)
    assert meter.read("consumer_lag_seconds", partition="0") == 40.0
    assert meter.read("consumer_lag_messages", partition="0") == 39


def test_a_worker_that_fed_nothing_yet_lags_by_what_waits() -> None:
    """Its log begins far behind offset 0."""
    meter = Meter()
    meter.end(5_010)
    meter.consumer.delivered = AckTracker(5_000)
    meter.consumer.position = 5_000

    assert meter.read("consumer_lag_messages", partition="0") == 10

    for offset in range(5_000, 5_004):
        meter.consumer.delivered.deliver(offset)
    meter.consumer.position = 5_004

    assert meter.read("consumer_lag_messages", partition="0") == 10


def test_a_partition_that_went_to_another_worker_is_told_of_no_more() -> None:
    meter = Meter()
    meter.end(7)
    assert meter.read("consumer_lag_messages", partition="0") == 7
    assert meter.read("partitions_held") == 1

    meter.partitions.is_gone = True

    assert meter.read("consumer_lag_messages", partition="0") is None
    assert meter.read("consumer_lag_seconds", partition="0") is None
    assert meter.read("partitions_held") == 0


def test_a_worker_without_a_broker_falls_behind() -> None:
    """Nobody knows what stands in the log."""
    meter = Meter()
    meter.end(0)
    meter.now_s += 300

    assert (meter.unacknowledged_s, meter.unread_s) == (0.0, 300.0)


def test_a_worker_that_takes_over_is_as_far_behind_as_what_it_reads() -> None:
    meter = Meter()
    meter.end(1_000)
    meter.feed(20, ago_s=500)

    assert (meter.unacknowledged_s, meter.unread_s) == (0.0, 500.0)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the watchdog logs."""
    capture = structlog.testing.LogCapture()
    monkeypatch.setattr(watchdog, "log", structlog.wrap_logger(None, processors=[capture]))
    found: list[dict[str, Any]] = capture.entries  # type: ignore[assignment]
    return found


def test_a_spell_of_overload_is_two_log_lines(lines: list[dict[str, Any]]) -> None:
    dropped = 0
    overload = Overload(lambda: dropped)
    for now_s in range(100):
        dropped += 3 if 20 <= now_s < 60 else 0
        overload.look(float(now_s))

    assert [line["event"] for line in lines] == ["shedding.began", "shedding.ended"]
    assert lines[0]["dropped"] >= 10
    assert lines[1]["dropped"] == 120


def test_a_request_dropped_now_and_then_is_no_overload(lines: list[dict[str, Any]]) -> None:
    """A final that comes makes a waiting partial void."""
    dropped = 0
    overload = Overload(lambda: dropped)
    for now_s in range(100):
        dropped += now_s % 3 == 0
        overload.look(float(now_s))

    assert lines == []
