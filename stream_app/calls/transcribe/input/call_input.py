"""The input of one call: its order, the facts at each position in it, and what is still needed.

Audio and control messages form one queue. A checkpoint has the state of the input between two of
them, before the first that is still needed: a fresh worker that reads on from there takes the same
decisions at the same messages. Input before it is ignored by its offset, except for
the chunks that were waiting for their turn there.
"""

from array import array
from collections.abc import Iterable

import msgspec

from schemas.audio import AudioChunk
from stream_app.calls.counters import CallCounters
from stream_app.calls.transcribe.input.call_facts import CallFacts
from stream_app.calls.transcribe.input.call_order import CallOrder
from stream_app.calls.transcribe.input.chunk_audio import is_short, refuse_short
from stream_app.calls.transcribe.input.held_chunks import HeldInput
from stream_app.calls.transcribe.input.ordered_chunks import OrderedChunks
from stream_app.calls.transcribe.input.pending_inputs import (
    InputPoint,
    PendingInput,
    PendingInputs,
)
from stream_app.calls.transcribe.input.sequence_point import SequencePoint


class CallInput:
    """The order of a call's input, its facts, and what of it is still needed.

    Args:
        point: Where to begin; None for a call that was not seen before.
        counters: What is set aside is counted there.

    Attributes:
        facts: After the last input.
        chunks_taken: How many chunks were taken in, without those before ``point``.
    """

    def __init__(self, point: InputPoint | None, counters: CallCounters) -> None:
        point = point or InputPoint(resume_offset=0)
        self.facts = point.facts
        self.chunks_taken = 0
        self._counters = counters
        self._resume_offset = point.resume_offset
        self._waiting: dict[int, list[HeldInput]] = {}
        for held in point.held:
            self._waiting.setdefault(held.offset, []).append(held)
        self._pending = PendingInputs(point)
        self._order = self._order_from(point.order, array("I", point.seen))

    @property
    def order(self) -> SequencePoint:
        """Return the state of the order of the chunks."""
        return self._order.point

    @property
    def has_waiting(self) -> bool:
        """Return whether a chunk waits for its turn."""
        return bool(self._order.held)

    def is_done(self, offset: int) -> bool:
        """Return whether an input was done before a takeover, and is read again."""
        return offset < self._resume_offset and offset not in self._waiting

    def is_waiting(self, offset: int) -> bool:
        """Return whether an input was waiting for its turn at a takeover."""
        return offset in self._waiting

    def layout_with(self, chunk: AudioChunk) -> tuple[int, int]:
        """Return channels and sample rate of the call: as its start has them, else as the chunk."""
        if self.facts.is_started:
            return self.facts.layout
        return len(chunk.payloads), chunk.sample_rate_hz

    def put_back(self, chunk: AudioChunk, offset: int, *, samples: int) -> None:
        """Let a chunk wait that was waiting at a takeover."""
        self.chunks_taken += 1
        for held in self._waiting.pop(offset):
            self._order.put_back(chunk, held, samples=samples)

    def following(self, chunk: AudioChunk, samples: int) -> tuple[int, ...]:
        """Return the channels for which the turn of a chunk comes at once, without a gap."""
        return self._order.following(chunk, samples)

    def check_length(self, chunk: AudioChunk, *, samples: int, rate_hz: int) -> None:
        """Refuse a source that sends short chunks; a single one ends a stretch of audio.

        Raises:
            AudioFormatError: The chunk is short and the one before it was.
        """
        if is_short(samples, rate_hz) and self._order.is_second_short(chunk, samples):
            refuse_short(samples, rate_hz)

    def insert(self, chunk: AudioChunk, offset: int, *, samples: int) -> OrderedChunks:
        """Return the chunks whose turn has come; see `CallOrder.insert`."""
        before = self._state_before(offset)
        ordered = self._order.insert(chunk, offset, samples=samples)
        if ordered.is_taken:
            self.chunks_taken += 1
            before.digest = ordered.digest
            before.end = ordered.end
            self._pending.add(before)
        return ordered

    def take(self, offset: int) -> None:
        """Take in a message without audio, or one before which the channels are closed."""
        self._pending.add(self._state_before(offset))

    def flush(self) -> OrderedChunks:
        """Return the chunks that wait, as part of the last input that was taken in."""
        ordered = self._order.flush()
        self._pending.extend(ordered.end)
        return ordered

    def change_layout(self, facts: CallFacts) -> None:
        """Go on with other facts, of another sample rate or not; no chunk waits."""
        order = self.order.at_rate(self.facts.sample_rate_hz, facts.sample_rate_hz)
        self.facts = facts
        fresh = msgspec.structs.replace(order, longest=0, joint=0, ends=(), tracks=())
        self._order = self._order_from(fresh, self._order.seen)

    def release(self, horizon: int) -> tuple[int, ...]:
        """Return the offsets to commit where no channel needs audio before a position.

        Args:
            horizon: First sample that a channel still needs.
        """
        done = self._pending.pop(horizon)
        return self._pending.acknowledge(done, self._resume_state()) if done else ()

    def release_all(self, *, before: int | None = None) -> tuple[int, ...]:
        """Return the offsets to commit where no input is needed any more.

        Args:
            before: This one still is, although it was taken in; it is inserted again.
        """
        done = self._pending.pop_all(before=before)
        return self._pending.acknowledge(done, self._resume_state())

    def resume_point(self) -> InputPoint:
        """Return the state before the first input that is still needed."""
        return self._pending.point(self._resume_state())

    def _resume_state(self) -> PendingInput:
        return self._pending.oldest() or self._state_before(self._pending.next_offset)

    def _state_before(self, offset: int) -> PendingInput:
        return PendingInput(offset, self.facts, self._order.point, self._order.held)

    def _order_from(self, point: SequencePoint, seen: Iterable[int]) -> CallOrder:
        channels, rate_hz = self.facts.layout
        order = CallOrder(rate_hz, channels, point, seen=seen, counters=self._counters)
        order.ask_holds(self._held_ms)
        return order

    def _held_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how much of a stretch was on hold, by the facts that are in force then."""
        return self.facts.held_ms(start_ms, end_ms)
