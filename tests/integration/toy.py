"""A small agent for the tests of the shell: it sums the keys pressed in a call.

Every key leads to an alert with the sum so far. Five keys make a group: its last alert waits for
the "model", and only then are the group's inputs acknowledged, with a checkpoint. A key that is
lost or counted twice gives another sum under the same id.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.audio import AudioTopicMessage, CallEnded, CallStalled, DtmfPressed
from schemas.catalogue import AUDIO
from schemas.codec import decode_audio
from schemas.errors import AudioFormatError
from schemas.operations import Alert, Checkpoint
from stream_app.agents.definition import AgentDefinition, StallPolicy
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall, is_lost_audio
from stream_app.settings import Settings
from tests.support.waiting import simulate_inference

GROUP = 5
INFERENCE_S = 0.005


@dataclass(frozen=True)
class Square:
    """A request: the square of the sum."""

    call_id: str
    number: int
    value: int
    captured_at_ns: int
    cost: int = 100

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one of its call."""
        return (self.number,)

    @property
    def slot(self) -> tuple[str]:
        """Requests of one call replace one another."""
        return (self.call_id,)


class Summer:
    """State machine of a call."""

    is_on_hold = False

    def __init__(self, call_id: str, numbers: int = 0, total: int = 0) -> None:
        self.call_id = call_id
        self.ended: EndedCall | None = None
        self.last_seq = numbers - 1
        self._numbers = numbers
        self._total = total
        self._waiting: dict[int, tuple[tuple[int, ...], int]] = {}
        self.counters = CallCounters()
        self._group: list[int] = []
        self._end: list[int] = []

    @classmethod
    def restore(cls, checkpoint: Checkpoint) -> "Summer":
        """Return the machine that goes on from a checkpoint."""
        numbers, total = checkpoint.state["numbers"], checkpoint.state["total"]
        assert isinstance(numbers, int)
        assert isinstance(total, int)
        return cls(checkpoint.call_id, numbers, total)

    @property
    def is_closed(self) -> bool:
        """Return whether the call is finished."""
        return self.ended is not None

    @property
    def chunks_taken(self) -> int:
        """Return how many keys were taken in."""
        return self._numbers

    def feed(self, message: AudioTopicMessage, offset: int) -> Sequence[Effect]:
        """Return the effects of one input."""
        if self.ended is not None:
            return self.ended.take(message, offset, agent="toy", is_refused=is_lost_audio(message))
        if isinstance(message, CallStalled):
            return (self._alert("stalled", message.after_seq, {}), Commit((offset,)))
        if isinstance(message, CallEnded):
            return self._finish(offset)
        if not isinstance(message, DtmfPressed):
            raise AudioFormatError("this agent takes keys only")
        if message.at_ms < self._numbers:
            return (Commit((offset,)),)
        return self._add(message, offset)

    def resolve(self, result: tuple[Square, int]) -> Sequence[Effect]:
        """Return the effects of a result."""
        request, square = result
        offsets, total = self._waiting.pop(request.number)
        effects: list[Effect] = [
            self._alert("square", request.number, {"square": str(square)}),
            Commit(offsets, self._checkpoint(request.number + 1, total)),
        ]
        return effects + self._close_if_due()

    def _add(self, message: DtmfPressed, offset: int) -> Sequence[Effect]:
        assert message.at_ms == self._numbers, f"{message.at_ms} after {self._numbers}"
        number = self._numbers
        self._numbers += 1
        self.last_seq = number
        self._total += int(message.digit)
        self._group.append(offset)
        effects: list[Effect] = [self._alert("sum", number, {"sum": str(self._total)})]
        if self._numbers % GROUP == 0:
            self._waiting[number] = (tuple(self._group), self._total)
            self._group = []
            request = Square(self.call_id, number, self._total, message.captured_at_ns)
            effects.append(Infer(request, is_urgent=True))
        return effects

    def _finish(self, offset: int) -> Sequence[Effect]:
        self._end = [*self._group, offset]
        return self._close_if_due()

    def _close_if_due(self) -> list[Effect]:
        if not self._end or self._waiting:
            return []
        self.ended = EndedCall(self._end[-1])
        checkpoint = self._checkpoint(self._numbers, self._total)
        details = {"sum": str(self._total), "keys": str(self._numbers)}
        return [self._alert("end", self._numbers, details), Commit(tuple(self._end), checkpoint)]

    def _alert(self, kind: str, number: int, details: dict[str, str]) -> Emit:
        return Emit(
            Alert(
                event_id=f"{self.call_id}/{kind}/{number}",
                call_id=self.call_id,
                captured_at_ns=0,
                kind=kind,
                severity="info",
                source="toy",
                details=details,
            )
        )

    def _checkpoint(self, numbers: int, total: int) -> Checkpoint:
        state: dict[str, object] = {"numbers": numbers, "total": total}
        return Checkpoint(
            agent="toy",
            call_id=self.call_id,
            position=(numbers,),
            is_closed=self.ended is not None,
            state=state if self.ended is None else self.ended.to_state(),
        )


def infer(requests: Sequence[Square]) -> list[tuple[Square, int]]:
    simulate_inference(INFERENCE_S * len(requests))
    return [(request, request.value**2) for request in requests]


def stall_marker(machine: Any, stage: str) -> Any:
    kind: Any = CallStalled if stage == "stall" else CallEnded
    extra = {"reason": "stale"} if stage == "stale" else {}
    return kind(
        event_id=f"{machine.call_id}/{stage}/{machine.last_seq}",
        call_id=machine.call_id,
        captured_at_ns=time.time_ns(),
        after_seq=machine.last_seq,
        **extra,
    )


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent."""
    stalls = settings.stalls
    return AgentDefinition(
        name="toy",
        input_topic=AUDIO,
        decode=decode_audio,
        create=Summer,
        restore=Summer.restore,
        infer=infer,
        max_batch=4,
        stalls=StallPolicy(
            stalls.stall_after_s, stalls.stale_after_s, stalls.stale_on_hold_after_s, stall_marker
        ),
        refuses_late=is_lost_audio,
    )
