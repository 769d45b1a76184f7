"""Messages of many calls fed together: each call's in order, each one's errors its own."""

from collections.abc import Iterable
from typing import Any

from faust.types import TP

from schemas.errors import AudioFormatError
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Refuse
from stream_app.calls.ended_call import EndedCall
from stream_app.runtime.memory.feeds import Feed, Resolution, feed_all, resolve_all
from stream_app.runtime.memory.sessions import PartitionSession


class Recorder:
    """A machine that commits what it is fed, and refuses odd numbers on request."""

    is_closed = False
    ended: EndedCall | None = None

    def __init__(self, *, refuses_odd: bool = False) -> None:
        self.fed: list[int] = []
        self.counters = CallCounters()
        self._refuses_odd = refuses_odd

    def feed(self, message: int, offset: int) -> tuple[Effect, ...]:
        """Return a commit."""
        if self._refuses_odd and message % 2:
            raise AudioFormatError("odd")
        self.fed.append(message)
        return (Commit((offset,)),)

    def resolve(self, result: int) -> tuple[Effect, ...]:
        """Return a commit of the result."""
        return (Commit((result,)),)


def session() -> PartitionSession:
    return PartitionSession(TP("topic", 0), 1, lambda _: None)


def feeds_of(*pairs: tuple[Recorder, int]) -> list[Feed]:
    place = session()
    return [Feed(place, "c", offset, *pair) for offset, pair in enumerate(pairs)]


def test_messages_of_a_call_are_fed_in_their_order() -> None:
    one, other = Recorder(), Recorder()
    feeds = feeds_of((one, 1), (other, 10), (one, 2), (one, 3), (other, 11))

    feed_all(feeds, None)

    assert (one.fed, other.fed) == ([1, 2, 3], [10, 11])
    assert [feed.effects for feed in feeds] == [(Commit((n,)),) for n in range(5)]


def test_prepare_sees_each_machine_before_it_is_fed_and_once_at_a_time() -> None:
    """Else what it works out for a second message would stand on the state before the first."""
    one, other = Recorder(), Recorder()
    seen: list[list[tuple[int, int]]] = []

    def prepare(pairs: Iterable[tuple[Any, Any]]) -> float:
        seen.append([(len(machine.fed), message) for machine, message in pairs])
        return 0.25

    feeds = feeds_of((one, 1), (other, 10), (one, 2), (other, 11), (other, 12))
    cpu_s = feed_all(feeds, prepare)

    assert cpu_s == 0.75
    assert seen == [[(0, 1), (0, 10)], [(1, 2), (1, 11)], [(2, 12)]]


def test_a_message_that_is_refused_stops_no_other() -> None:
    machine = Recorder(refuses_odd=True)
    feeds = feeds_of((machine, 2), (machine, 3), (machine, 4))

    feed_all(feeds, None)

    assert machine.fed == [2, 4]
    assert feeds[1].reason == "odd"
    assert feeds[1].effects == (Refuse(1, "odd"), Commit((1,)))


def test_what_is_no_message_is_refused_in_its_place() -> None:
    machine = Recorder()
    poison = Feed.refused(session(), "c", 1, "no message")

    feed_all([*feeds_of((machine, 1)), poison], lambda pairs: len(list(pairs)))

    assert machine.fed == [1]
    assert poison.effects == (Refuse(1, "no message"), Commit((1,)))


def test_results_go_to_their_machines_in_order() -> None:
    resolutions = [Resolution(session(), "c", Recorder(), result) for result in (7, 8)]

    resolve_all(resolutions)

    assert [resolution.effects for resolution in resolutions] == [(Commit((7,)),), (Commit((8,)),)]
