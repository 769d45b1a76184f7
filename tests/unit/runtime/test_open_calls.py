"""Which messages open a call, and how many calls a process holds open."""

from collections.abc import Sequence

from faust.types import Message

from schemas.catalogue import AUDIO
from schemas.errors import AudioFormatError
from stream_app.agents.definition import AgentDefinition
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Refuse
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.admission import ALERT_INTERVAL_S, Admission
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.settings import Settings
from tests.support.runtime_bench import RuntimeBench


class Word:
    """A message: ``call:word``."""

    captured_at_ns = 1

    def __init__(self, data: bytes) -> None:
        call_id, _, self.word = data.decode().partition(":")
        self.call_id = call_id


class Listener:
    """Refuses ``bad`` by an exception and ``late`` by an effect; ``end`` ends the call."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.heard: list[str] = []
        self.counters = CallCounters()
        self.ended: EndedCall | None = None

    @property
    def is_closed(self) -> bool:
        """Return whether the call has ended."""
        return self.ended is not None

    def feed(self, message: Word, offset: int) -> Sequence[Effect]:
        """Return a commit."""
        if message.word == "bad":
            raise AudioFormatError("bad")
        if message.word == "late":
            return (Refuse(offset, "late"), Commit((offset,)))
        self.counters.duplicates += message.word in self.heard
        self.heard.append(message.word)
        if message.word == "end":
            self.ended = EndedCall(offset)
        return (Commit((offset,)),)

    def resolve(self, _: object) -> Sequence[Effect]:
        """Return nothing."""
        return ()


class Bench:
    """A worker of one partition."""

    def __init__(self, max_open_calls: int = 100) -> None:
        definition = AgentDefinition(
            name="toy",
            input_topic=AUDIO,
            decode=Word,
            create=Listener,
            restore=lambda checkpoint: Listener(checkpoint.call_id),
        )
        settings = Settings().replace(overload={"max_open_calls": max_open_calls})
        self.bench = RuntimeBench(definition, settings)
        self.runtime, self.outbox = self.bench.runtime, self.bench.outbox
        self.count = self.bench.count
        self.bench.begin()
        self._offset = 0

    async def take(self, *words: str) -> None:
        """Feed messages that came in one poll."""
        first = self._offset
        self._offset += len(words)
        await self.bench.take(
            [self.bench.message(first + n, word.encode()) for n, word in enumerate(words)]
        )

    def set_aside(self, kind: str) -> float | None:
        """Return how much of a kind the calls have set aside."""
        sample = self.runtime.metrics.registry.get_sample_value
        return sample("callstream_set_aside_total", {"agent": "toy", "kind": kind})

    @property
    def heard(self) -> dict[str, list[str]]:
        """What the machines of the open calls took."""
        (session,) = self.runtime.partitions
        return {name: machine.heard for name, machine in session.machines.items()}


async def test_a_refused_message_opens_no_call() -> None:
    """However it is refused."""
    bench = Bench()

    await bench.take("a:bad", "b:late", "c:hello", "a:bad")
    await bench.take("a:late")

    assert bench.heard == {"c": ["hello"]}
    assert bench.runtime.partitions.open_calls == 1
    assert [refuse.offset for refuse in bench.outbox.refused] == [0, 1, 3, 4]


async def test_the_first_message_that_is_taken_does() -> None:
    """What one poll brings of a new call goes to one machine."""
    bench = Bench()

    await bench.take("a:bad", "a:one", "a:bad", "a:two")
    await bench.take("a:bad", "a:three")

    assert bench.heard == {"a": ["one", "two", "three"]}


async def test_an_open_call_survives_a_message_that_is_refused() -> None:
    bench = Bench()

    await bench.take("a:one")
    await bench.take("a:bad")

    assert bench.heard == {"a": ["one"]}


async def test_a_call_that_ends_with_its_first_message_is_closed() -> None:
    bench = Bench()

    await bench.take("a:end", "b:one")
    await bench.take("a:again")

    assert bench.heard == {"b": ["one"]}
    assert bench.count("late_events") == 1


async def test_what_a_call_sets_aside_is_counted_once() -> None:
    """By kind, as it grows: also of calls that stay open for hours."""
    bench = Bench()

    await bench.take("a:one", "a:one", "b:two")
    await bench.take("b:two", "a:three")
    await bench.take("a:end")

    assert bench.set_aside("duplicates") == 2
    assert bench.set_aside("late_chunks") == 0


async def test_calls_beyond_the_limit_are_refused_and_those_that_are_open_go_on() -> None:
    """A gateway that makes up an id for every chunk costs no more memory than that."""
    bench = Bench(max_open_calls=3)

    await bench.take(*(f"{n}:one" for n in range(10)))
    await bench.take(*(f"{n}:two" for n in range(10)))

    assert bench.heard == {str(n): ["one", "two"] for n in range(3)}
    refused = [refuse.offset for refuse in bench.outbox.refused]
    assert refused == [*range(3, 10), *range(13, 20)]
    assert bench.count("refused_calls") == 14
    assert bench.outbox.alerts == [("3", "too_many_calls")]


async def test_a_call_that_closes_makes_room() -> None:
    bench = Bench(max_open_calls=1)

    await bench.take("a:end", "b:one")
    await bench.take("b:two", "c:one")

    assert bench.heard == {"b": ["two"]}


async def test_refused_messages_take_no_place() -> None:
    bench = Bench(max_open_calls=1)

    await bench.take("a:bad")
    await bench.take("b:one")

    assert bench.heard == {"b": ["one"]}


def test_somebody_is_told_once_a_minute() -> None:
    seconds = iter(range(150))
    admission = Admission(1, lambda: next(seconds))

    told = [n for n in range(150) if admission.is_alert_due()]

    assert told == [0, ALERT_INTERVAL_S, 2 * ALERT_INTERVAL_S]


async def test_a_poll_that_outlives_its_generation_is_fed_to_no_call() -> None:
    """What was kept of one partition waits for another, and the workers divide all of them anew.

    A new machine would take the end of a call for the whole of it, and count what it misses.
    """
    bench = Bench()
    runtime, session_of = bench.runtime, bench.runtime.partitions.session_of

    async def slow_session_of(message: Message) -> PartitionSession | None:
        session = await session_of(message)
        if message.offset == 2:  # as if its partition had much to be read again
            runtime.end_generation()
        return session if session is not None and session.is_current else None

    runtime.partitions.session_of = slow_session_of  # type: ignore[method-assign]

    await bench.take("a:one", "a:one", "a:end")

    assert bench.count("events") == 0
    assert bench.outbox.effects == []
    assert bench.set_aside("duplicates") == 0


async def test_what_a_call_counts_while_its_partition_is_taken_away_is_not_told() -> None:
    """Whoever has the partition then is fed the same, and counts it."""
    bench = Bench()
    await bench.take("a:one")
    (session,) = bench.runtime.partitions
    machine = session.machines["a"]

    def feed(_: Word, offset: int) -> Sequence[Effect]:
        machine.counters.duplicates += 1
        bench.runtime.end_generation()
        return (Commit((offset,)),)

    machine.feed = feed
    await bench.take("a:one")

    assert machine.counters.duplicates == 1
    assert bench.set_aside("duplicates") == 0
