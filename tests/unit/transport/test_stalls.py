"""Each stage once for each last chunk, by an injected clock."""

from collections.abc import Iterator
from typing import Any

from faust.types import TP, Message

from schemas.audio import CallStalled
from stream_app.topics import AUDIO
from stream_app.transport.acknowledgements import AckTracker
from stream_app.transport.dead_letters import Record
from stream_app.transport.definitions import AgentDefinition, StallPolicy
from stream_app.transport.log_clock import ReadingState
from stream_app.transport.metrics import Metrics
from stream_app.transport.sessions import PartitionSession
from stream_app.transport.stalls import StallMarker, StallWatch

TP0 = TP(AUDIO, 0)


def test_a_silent_call_stalls_and_then_goes_stale() -> None:
    """Once each."""
    watch = StallWatch(15, 600)

    stages = [watch.due("c", 7, now) for now in (0.0, 14.9, 15.0, 16.0, 599.0, 600.0, 9000.0)]

    assert stages == [None, None, "stall", None, None, "stale", None]


def test_audio_starts_the_count_afresh() -> None:
    """And both stages may come again."""
    watch = StallWatch(15, 600)
    watch.due("c", 7, 0.0)
    watch.due("c", 7, 15.0)

    assert watch.due("c", 8, 20.0) is None
    assert watch.due("c", 8, 34.0) is None
    assert watch.due("c", 8, 35.0) == "stall"


class FakeCall:
    """Has heard four chunks."""

    last_seq = 3
    call_id = "c"


class FakePartitions:
    """One partition, loaded."""

    is_loaded = True

    def __init__(self, session: PartitionSession) -> None:
        self._session = session

    def __iter__(self) -> Iterator[PartitionSession]:
        """Return an iterator over the one session."""
        return iter([self._session])


class FakeConsumer:
    """A partition with a position, an end, and what was delivered."""

    def __init__(self) -> None:
        self.state = ReadingState(10, 10, 0)
        self.delivered = AckTracker(0)

    def reading_states(self) -> dict[TP, ReadingState]:
        """Return position and end."""
        return {TP0: self.state}

    def tracker(self, _: TP) -> AckTracker:
        """Return the acknowledgements."""
        return self.delivered


class FakeOutbox:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, _: PartitionSession, __: str, record: Record) -> None:
        """Keep the record."""
        self.records.append(record)


def marker_of(machine: FakeCall, stage: str) -> CallStalled:
    return CallStalled(event_id=stage, call_id="c", captured_at_ns=0, after_seq=machine.last_seq)


def setting() -> tuple[StallMarker, FakeConsumer, FakeOutbox, PartitionSession]:
    session = PartitionSession(TP0, 1, lambda _: None)
    call: Any = FakeCall()
    session.machines["c"] = call
    definition = AgentDefinition(
        name="toy",
        input_topic=AUDIO,
        decode=bytes,
        create=lambda _: call,
        restore=lambda _: call,
        stalls=StallPolicy(15, 600, marker_of),
    )
    consumer, outbox = FakeConsumer(), FakeOutbox()
    partitions: Any = FakePartitions(session)
    marker = StallMarker(definition, partitions, consumer, outbox, Metrics("toy"))  # type: ignore[arg-type]
    return marker, consumer, outbox, session


def look(marker: StallMarker, *times: float) -> None:
    for now in times:
        marker.look(now)


def test_the_marker_goes_to_the_partition_of_the_call() -> None:
    """Whatever the partitioner would say."""
    marker, _, outbox, _ = setting()

    look(marker, 0, 1, 2, 17, 18)

    assert [(r.topic, r.key, r.partition) for r in outbox.records] == [(AUDIO, b"c", 0)]


def test_a_partition_that_is_not_read_to_its_end_tells_nothing() -> None:
    """The audio may be in the log already."""
    marker, consumer, outbox, _ = setting()
    consumer.state = ReadingState(10, 11, 0)

    look(marker, 0, 1, 2, 17, 18)

    assert outbox.records == []


def test_messages_on_their_way_to_the_calls_count_as_unread() -> None:
    """They were delivered, but the agent is behind."""
    marker, consumer, outbox, session = setting()
    consumer.delivered.deliver(9)

    look(marker, 0, 1, 2, 17, 18)
    assert outbox.records == []

    session.keep(Message(AUDIO, 0, 9, 1.0, 0, [], b"c", b"v", None, tp=TP0))
    look(marker, 19, 20, 36)
    assert len(outbox.records) == 1
