"""Batches of messages and results for the state machines of many calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import AudioFormatError, MalformedMessageError
from stream_app.calls.effects import Commit, Effect, Refuse
from stream_app.dead_letters.letter import NOWHERE
from stream_app.runtime.memory.sessions import Machine, PartitionSession

Prepare = Callable[[Iterable[tuple[Any, Any]]], float]


@dataclass(slots=True)
class Feed:
    """A message for a machine, and its effects.

    Attributes:
        machine: None where the message could not be decoded, or its call is closed.
        arrived_ns: When the message came to the log, see `Job.arrived_ns`.
        effects: Of the message, once it was fed.
        reason: Why it was refused; empty if it was not.
    """

    session: PartitionSession
    call_id: str
    offset: int
    machine: Machine | None = None
    message: Any = None
    arrived_ns: int = 0
    effects: Sequence[Effect] = ()
    reason: str = ""

    @classmethod
    def refused(cls, session: PartitionSession, call_id: str, offset: int, reason: str) -> "Feed":
        """Return the feed of a message that cannot be taken in."""
        feed = cls(session, call_id, offset)
        feed.refuse(reason)
        return feed

    def refuse(self, reason: str) -> None:
        """Send the input to the dead letters."""
        self.reason = reason
        self.effects = (Refuse(self.offset, reason), Commit((self.offset,)))

    @property
    def is_refused(self) -> bool:
        """Return whether the message became a dead letter and left no trace in its call."""
        return any(isinstance(e, Refuse) and e.offset == self.offset for e in self.effects)

    def run(self) -> None:
        """Feed the message."""
        if self.machine is None:
            return
        try:
            self.effects = self.machine.feed(self.message, self.offset)
        except (MalformedMessageError, AudioFormatError) as error:
            self.refuse(str(error))


@dataclass(slots=True)
class Resolution:
    """A result of the model for a machine, and its effects; see `Feed`.

    Attributes:
        offset: Of the input that led to the request.
    """

    session: PartitionSession
    call_id: str
    machine: Machine
    result: Any
    arrived_ns: int = 0
    offset: int = NOWHERE
    effects: Sequence[Effect] = ()


def resolve_all(resolutions: Sequence[Resolution]) -> None:
    """Hand results to their machines, in their order."""
    for resolution in resolutions:
        resolution.effects = resolution.machine.resolve(resolution.result)


def feed_all(feeds: Sequence[Feed], prepare: Prepare | None) -> float:
    """Run feeds in their order; ``prepare`` sees each machine before it is fed.

    Args:
        feeds: Of any calls, several of one call among them.
        prepare: See `AgentDefinition.prepare`.

    Returns:
        CPU time of the model that ``prepare`` ran, in seconds.
    """
    cpu_s = 0.0
    for wave in _waves(feeds):
        if prepare is not None:
            machines = (feed for feed in wave if feed.machine is not None)
            cpu_s += prepare((feed.machine, feed.message) for feed in machines)
        for feed in wave:
            feed.run()
    return cpu_s


def _waves(feeds: Iterable[Feed]) -> Iterator[list[Feed]]:
    """Yield the feeds in stretches in which no machine comes twice."""
    wave: list[Feed] = []
    seen: set[int] = set()
    for feed in feeds:
        if id(feed.machine) in seen:
            yield wave
            wave, seen = [], set()
        wave.append(feed)
        if feed.machine is not None:
            seen.add(id(feed.machine))
    if wave:
        yield wave
