"""The generation rule: what was remembered goes, what was saved comes back."""

import asyncio
import gc
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from faust.types import TP, Message

from schemas.catalogue import AUDIO, spec_of
from schemas.errors import MalformedMessageError
from schemas.operations import Checkpoint
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.counters import CallCounters
from stream_app.calls.ended_call import EndedCall
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.checkpoints import CheckpointStore, SavedCalls
from stream_app.runtime.memory.closed_calls import wall_clock_ms
from stream_app.runtime.memory.partitions import Partitions
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.settings import KafkaSettings
from stream_app.transport.log_clock import LogClock, ReadingState

NOW_MS = wall_clock_ms()
HOUR_MS = 3_600_000  # longer than any test run takes from its begin to here
TP0, TP1 = TP(AUDIO, 0), TP(AUDIO, 1)


class Machine:
    """Remembers from what it was made."""

    def __init__(self, origin: object) -> None:
        self.origin = origin
        self.counters = CallCounters()
        self.is_closed = False
        self.ended: EndedCall | None = None

    def feed(self, *_: Any) -> tuple[()]:
        """Return the effects of one input."""
        return ()

    def resolve(self, _: Any) -> tuple[()]:
        """Return the effects of a result."""
        return ()


class FakeStore(CheckpointStore):
    """Checkpoints from memory."""

    def __init__(self, found: dict[int, SavedCalls]) -> None:
        super().__init__(KafkaSettings(), "toy", "w")
        self.found = found
        self.loads = 0

    async def load(self, partitions: Iterable[int]) -> dict[int, SavedCalls]:
        """Return what the test put in."""
        self.loads += 1
        await asyncio.sleep(0)
        return {partition: self.found.get(partition, SavedCalls()) for partition in partitions}


class BrokenStore(FakeStore):
    """Cannot be read."""

    async def load(self, _: Iterable[int]) -> dict[int, SavedCalls]:
        """Fail."""
        raise OSError("no broker")


class FakeConsumer:
    """In its first generation."""

    def __init__(self) -> None:
        self.generation = 1

    def ack(self, _: Message) -> bool:
        """Take an acknowledgement."""
        return True

    def tracker(self, _: TP) -> None:
        """Return the acknowledgements."""
        return

    def hears_brokers(self, _: float) -> bool:
        """Return that nobody answers."""
        return False

    def unheard(self, _: float) -> frozenset[TP]:
        """Return that all answer."""
        return frozenset()

    def handed_on(self, _: TP) -> None:
        """Return how far it is read."""
        return

    def note_ends(self) -> dict[TP, ReadingState]:
        """Return that nothing is known."""
        return {}

    async def log_begin(self, _: TP) -> int | None:
        """Return where the log begins: nothing expired."""
        return 0

    def log_clock(self, _: TP) -> LogClock:
        """Return a clock that has seen nothing."""
        return LogClock()


def make(
    store: FakeStore,
    restore: Callable[[Checkpoint], Machine] = Machine,
    metrics: Metrics | None = None,
) -> tuple[Partitions, list[BaseException]]:
    failures: list[BaseException] = []
    definition = AgentDefinition(
        name="toy", input_topic=AUDIO, decode=bytes, create=Machine, restore=restore
    )
    partitions = Partitions(
        KafkaSettings(),
        definition,
        store,
        metrics=metrics or Metrics("toy"),
        on_failure=failures.append,
    )
    return partitions, failures


def message(tp: TP, offset: int, generation: int) -> Message:
    return Message(
        AUDIO, tp.partition, offset, 1.0, 0, [], b"c", b"v", None, tp=tp, generation_id=generation
    )


def checkpoint(call_id: str, *, is_closed: bool = False) -> Checkpoint:
    return Checkpoint(
        agent="toy",
        call_id=call_id,
        position=(1,),
        is_closed=is_closed,
        state={"end_offset": 9} if is_closed else {"first_offset": 4},
    )


def saved_calls(*checkpoints: Checkpoint) -> SavedCalls:
    saved = SavedCalls()
    for each in checkpoints:
        saved.merge(each, f"toy:{each.call_id}:w".encode(), NOW_MS)
    return saved


def test_open_calls_are_restored_before_the_first_message() -> None:
    """Of the closed ones only their end is known."""
    saved = {0: saved_calls(checkpoint("open"), checkpoint("closed", is_closed=True))}

    async def play() -> PartitionSession | None:
        partitions, _ = make(FakeStore(saved))
        partitions.begin([TP0, TP1], FakeConsumer())
        return await partitions.session_of(message(TP0, 4, 1))

    session = asyncio.run(play())

    assert session is not None
    assert list(session.machines) == ["open"]
    assert session.ended("closed") == EndedCall(9)
    assert session.ended("open") is None


def test_a_restored_call_knows_when_it_was_saved() -> None:
    """Its silence does not begin anew with a takeover."""
    session = PartitionSession(TP0, 1, lambda _: None)
    session.restore(saved_calls(checkpoint("c"), checkpoint("closed", is_closed=True)), Machine)
    assert session.restored_at_ms == {"c": NOW_MS}

    session.machines["c"].ended = EndedCall(9)  # type: ignore[misc]
    session.close("c")
    assert session.restored_at_ms == {}


def test_a_call_is_read_again_from_where_its_checkpoint_says() -> None:
    """One that does not say is lost: it would go on with half of its input."""

    def reread_from(saved: Checkpoint) -> int:
        if saved.call_id == "mute":
            raise MalformedMessageError("no offset")
        return len(saved.state)

    session = PartitionSession(TP0, 1, lambda _: None)
    saved = saved_calls(checkpoint("c"), checkpoint("mute"), checkpoint("e", is_closed=True))

    lost = session.restore(saved, Machine, reread_from)

    assert session.first_offsets == {"c": 1}
    assert list(session.machines) == ["c"]
    assert (lost, session.ended("mute")) == (1, EndedCall.unknown())


def test_a_closed_call_is_known_for_as_long_as_the_input_topic_is_kept() -> None:
    """A message that outlives its own retention is still told from one of a new call."""
    horizon_ms = NOW_MS - spec_of(AUDIO).remembered_ms
    at_ms = {"young": horizon_ms + HOUR_MS, "old": horizon_ms - 1}
    saved = SavedCalls()
    for call_id, written_ms in at_ms.items():
        saved.merge(checkpoint(call_id, is_closed=True), b"toy:c:w", written_ms)

    async def play() -> PartitionSession | None:
        partitions, _ = make(FakeStore({0: saved}))
        partitions.begin([TP0], FakeConsumer())
        return await partitions.session_of(message(TP0, 4, 1))

    session = asyncio.run(play())

    assert session is not None
    assert session.ended("young") == EndedCall(9)
    assert session.ended("old") is None


def test_a_state_that_cannot_be_used_costs_its_call_only() -> None:
    """Whatever it makes the machine raise; the input of the call is refused from then on."""

    def restore(saved: Checkpoint) -> Machine:
        errors = {"a": KeyError("x"), "b": MalformedMessageError("x"), "c": TypeError("x")}
        if saved.call_id in errors:
            raise errors[saved.call_id]
        return Machine(saved)

    async def play() -> tuple[PartitionSession | None, list[BaseException], Metrics]:
        saved = {0: saved_calls(*(checkpoint(name) for name in "abcd"))}
        metrics = Metrics("toy")
        partitions, failures = make(FakeStore(saved), restore, metrics)
        partitions.begin([TP0], FakeConsumer())
        return await partitions.session_of(message(TP0, 4, 1)), failures, metrics

    session, failures, metrics = asyncio.run(play())

    assert session is not None
    assert list(session.machines) == ["d"]
    assert [session.ended(name) for name in "abcd"] == [EndedCall.unknown()] * 3 + [None]
    assert failures == []
    assert metrics.registry.get_sample_value("callstream_lost_calls_total", {"agent": "toy"}) == 3


def test_a_new_generation_drops_the_memory_of_kept_partitions() -> None:
    """Every partition is read again from its committed offset."""

    async def play() -> tuple[PartitionSession | None, PartitionSession | None, int]:
        store, consumer = FakeStore({}), FakeConsumer()
        partitions, _ = make(store)
        partitions.begin([TP0], consumer)
        old = await partitions.session_of(message(TP0, 7, 1))
        assert old is not None
        old.begin("c", Machine("c"))
        old.accept("c")
        consumer.generation = 2
        partitions.begin([TP0], consumer)
        new = await partitions.session_of(message(TP0, 5, 2))
        return old, new, store.loads

    old, new, loads = asyncio.run(play())

    assert old is not None
    assert new is not None
    assert not old.is_current
    assert old.machines == {}
    assert new.machines == {}
    assert loads == 2


def test_messages_of_an_older_generation_have_no_memory() -> None:
    """They come again."""

    async def play() -> PartitionSession | None:
        consumer = FakeConsumer()
        consumer.generation = 2
        partitions, _ = make(FakeStore({}))
        partitions.begin([TP0], consumer)
        return await partitions.session_of(message(TP0, 5, 1))

    assert asyncio.run(play()) is None


def test_a_message_may_come_before_the_news_of_its_generation() -> None:
    """It waits: nobody would deliver it again."""

    async def play() -> PartitionSession | None:
        consumer = FakeConsumer()
        partitions, _ = make(FakeStore({}))
        asking = asyncio.create_task(partitions.session_of(message(TP0, 5, 1)))
        await asyncio.sleep(0)
        assert not asking.done()
        partitions.begin([TP0], consumer)
        return await asking

    session = asyncio.run(play())

    assert session is not None
    assert session.generation == 1


def test_a_session_dropped_while_its_checkpoints_load_takes_nothing() -> None:
    """A second rebalance may come at once."""

    async def play() -> PartitionSession | None:
        partitions, _ = make(FakeStore({}))
        partitions.begin([TP0], FakeConsumer())
        asking = asyncio.create_task(partitions.session_of(message(TP0, 5, 1)))
        await asyncio.sleep(0)
        partitions.drop()
        return await asking

    assert asyncio.run(play()) is None


def test_checkpoints_that_cannot_be_read_end_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """To go on without them would lose words."""

    async def play() -> list[BaseException]:
        partitions, failures = make(BrokenStore({}))
        partitions.begin([TP0], FakeConsumer())
        await partitions.wait_until_loaded()
        return failures

    assert [str(failure) for failure in asyncio.run(play())] == ["no broker"]
    gc.collect()
    assert not caplog.records  # nobody else has to find it


def test_an_acknowledgement_after_the_drop_is_void() -> None:
    """The message is somebody else's by now."""
    done: list[int] = []
    session = PartitionSession(TP0, 1, lambda message: done.append(message.offset))
    session.keep(message(TP0, 5, 1))
    session.keep(message(TP0, 6, 1))

    session.acknowledge([5])
    session.drop()
    session.acknowledge([6])

    assert done == [5]
