"""Inputs of a call that were taken in and are still needed, and the state before each."""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.held_chunks import HeldInput
from stream_app.calls.transcribe.input.sequence_point import SequencePoint
from stream_app.calls.transcribe.input.sequencer import remember


class InputPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a call's input between two messages; part of its checkpoint.

    Attributes:
        resume_offset: Of the first input that is still needed; those before it are done.
        facts: From the messages before it.
        order: State of the order of the chunks.
        held: Chunks before it that wait for their turn, and are needed too.
        seen: Digests of the last chunks before it, 32 bits each.
    """

    resume_offset: int
    facts: CallFacts = CallFacts()
    order: SequencePoint = SequencePoint()
    held: tuple[HeldInput, ...] = ()
    seen: bytes = b""


@dataclass(slots=True)
class PendingInput:
    """An input that was taken in, with the state before it.

    Attributes:
        end: Position after the last audio that it released; 0 without any.
        digest: Of a chunk.
    """

    offset: int
    facts: CallFacts
    order: SequencePoint
    held: tuple[HeldInput, ...]
    end: int = 0
    digest: int | None = None


class PendingInputs:
    """The inputs that a fresh worker would read again, oldest first.

    Args:
        point: Where the call's input begins.
    """

    def __init__(self, point: InputPoint) -> None:
        self._inputs: deque[PendingInput] = deque()
        self._unacknowledged = {held.offset for held in point.held}
        self._seen = array("I", point.seen)
        self.next_offset = point.resume_offset

    def add(self, pending: PendingInput) -> None:
        """Take in the next input."""
        self._inputs.append(pending)
        self.next_offset = pending.offset + 1

    def extend(self, end: int) -> None:
        """Note that the last input also released audio up to a position; 0 for none."""
        self._inputs[-1].end = max(self._inputs[-1].end, end)

    def oldest(self) -> PendingInput | None:
        """Return the first input that is still needed, None without one."""
        return self._inputs[0] if self._inputs else None

    def pop(self, horizon: int) -> list[PendingInput]:
        """Remove and return the inputs that are not needed where no audio before a position is."""
        done: list[PendingInput] = []
        while self._inputs and self._inputs[0].end <= horizon:
            done.append(self._inputs.popleft())
        return done

    def pop_all(self, *, before: int | None = None) -> list[PendingInput]:
        """Remove all inputs and return them, without the one at ``before``: it comes again."""
        done = [pending for pending in self._inputs if pending.offset != before]
        self._inputs.clear()
        if before is not None:
            self.next_offset = before
        return done

    def acknowledge(self, done: Iterable[PendingInput], here: PendingInput) -> tuple[int, ...]:
        """Return the offsets that may be committed with the point at ``here``.

        Args:
            done: Inputs that are not needed any more.
            here: The first that still is, or the present state.
        """
        for pending in done:
            self._unacknowledged.add(pending.offset)
            if pending.digest is not None:
                remember(self._seen, pending.digest)
        needed = {held.offset for held in here.held}
        offsets = sorted(
            offset
            for offset in self._unacknowledged
            if offset < here.offset and offset not in needed
        )
        self._unacknowledged.difference_update(offsets)
        return tuple(offsets)

    def point(self, here: PendingInput) -> InputPoint:
        """Return the state before ``here``, the first input that is still needed."""
        return InputPoint(
            resume_offset=here.offset,
            facts=here.facts,
            order=here.order,
            held=here.held,
            seen=self._seen.tobytes(),
        )
