"""State machines driven over a log, through crashes: durable effects, checkpoints, a watermark.

This is what the transport does with Kafka, in a few lines of plain Python, so that a test can
stop a worker between any two messages and see what the next one makes of what is left.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from schemas.base import Message
from schemas.errors import AudioFormatError, MalformedMessageError
from schemas.operations import Checkpoint
from stream_app.calls.call_machine import CallMachine
from stream_app.calls.effects import Commit, Effect, Emit, Infer, Refuse
from stream_app.calls.ended_call import EndedCall, is_lost_audio

LogEntry = tuple[str, msgspec.Struct]  # call id, message


@dataclass
class Durable:
    """What outlives a worker: outputs, checkpoints, acknowledged offsets, dead letters."""

    outputs: list[Message] = field(default_factory=list)
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)

    @property
    def watermark(self) -> int:
        """Return the offset from which a fresh worker reads."""
        offset = 0
        while offset in self.acknowledged:
            offset += 1
        return offset

    def apply(self, effect: Effect) -> None:
        """Make an effect durable."""
        if isinstance(effect, Emit):
            self.outputs.append(effect.message)
        elif isinstance(effect, Refuse):
            self.refused.append(effect.offset)
        elif isinstance(effect, Commit):
            if effect.checkpoint is not None:
                known = self.checkpoints.get(effect.checkpoint.call_id)
                if known is None or effect.checkpoint.position >= known.position:
                    self.checkpoints[effect.checkpoint.call_id] = effect.checkpoint
            self.acknowledged.update(effect.offsets)


@dataclass
class Worker:
    """One process: machines in memory, effects on their way, inference in flight.

    Attributes:
        create: Makes the machine of a call, from its checkpoint if there is one.
        infer: The model.
        inference_lag: Messages that pass before a result comes back.
        durability_lag: Effects that a crash takes with it.
        committed: How often each input was acknowledged, durable or not.
        refuses_late: Whether a message beyond the end of its closed call is refused.
    """

    log: Sequence[LogEntry]
    durable: Durable
    create: Callable[[str, Checkpoint | None], CallMachine[Any, Any]]
    infer: Callable[[Any], Any] | None = None
    inference_lag: int = 0
    durability_lag: int = 0
    refuses_late: Callable[[Any], bool] = is_lost_audio
    machines: dict[str, CallMachine[Any, Any]] = field(default_factory=dict)
    closed: dict[str, EndedCall] = field(default_factory=dict)
    in_flight: deque[tuple[int, str, Any]] = field(default_factory=deque)
    on_their_way: deque[Effect] = field(default_factory=deque)
    offset: int = -1
    committed: Counter[int] = field(default_factory=Counter)

    def run(self, *, messages: int | None = None) -> None:
        """Process ``messages`` from the watermark on; all of them, and to the end, without."""
        start = self.durable.watermark
        stop = len(self.log) if messages is None else min(start + messages, len(self.log))
        for self.offset in range(start, stop):
            call_id, message = self.log[self.offset]
            self._take_in(call_id, self._feed(call_id, message))
            self._resolve(self.offset - self.inference_lag)
        if messages is None:
            self._resolve(len(self.log))
            self._settle(0)

    def _feed(self, call_id: str, message: Any) -> Iterable[Effect]:
        if call_id not in self.machines and call_id not in self.closed:
            checkpoint = self.durable.checkpoints.get(call_id)
            if checkpoint is not None and checkpoint.is_closed:
                self.closed[call_id] = EndedCall.from_state(checkpoint.state)
            else:
                self.machines[call_id] = self.create(call_id, checkpoint)
        ended = self.closed.get(call_id)
        if ended is None:
            try:
                return self.machines[call_id].feed(message, self.offset)
            except (AudioFormatError, MalformedMessageError) as error:
                return (Refuse(self.offset, str(error)), Commit((self.offset,)))
        is_refused = self.refuses_late(message)
        return ended.take(message, self.offset, agent="test", is_refused=is_refused)

    def _take_in(self, call_id: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Infer):
                self.in_flight.append((self.offset, call_id, effect.request))
            else:
                self.on_their_way.append(effect)
            if isinstance(effect, Commit):
                self.committed.update(effect.offsets)
        self._settle(self.durability_lag)

    def _resolve(self, until: int) -> None:
        while self.in_flight and self.in_flight[0][0] <= until:
            _, call_id, request = self.in_flight.popleft()
            assert self.infer is not None
            self._take_in(call_id, self.machines[call_id].resolve(self.infer(request)))

    def _settle(self, lag: int) -> None:
        while len(self.on_their_way) > lag:
            self.durable.apply(self.on_their_way.popleft())


def deterministic_lane(outputs: Iterable[Message], volatile: tuple[type, ...]) -> list[Message]:
    """Return the outputs without volatile ones, wall-clock stamps and repetitions.

    Raises:
        AssertionError: Two messages with one id differ.
    """
    seen: dict[str, Message] = {}
    for message in outputs:
        if isinstance(message, volatile):
            continue
        plain = msgspec.structs.replace(message, captured_at_ns=0)
        known = seen.setdefault(plain.event_id, plain)
        assert known == plain, f"{plain.event_id} was produced twice with other content"
    return list(seen.values())
