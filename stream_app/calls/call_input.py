"""The input of one call: its order, what is still needed of it, and the facts at each place in it.

Audio and control messages stand in one queue. What a checkpoint says of the input is its state
between two of them, before the first that is still needed: a fresh worker that reads on from there
takes the same decisions at the same places. Input before it is ignored by its offset, except for
the chunks that were waiting for their turn there.
"""

from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from schemas.audio import AudioChunk
from stream_app.calls.call_facts import CallFacts
from stream_app.calls.counters import InputCounters
from stream_app.calls.sequencer import (
    ChunkSequencer,
    HeldInput,
    SequencedChunk,
    SequencePoint,
    Sequencing,
    remember,
    to_position,
)


class InputPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call's input stands between two messages; part of its checkpoint.

    Attributes:
        resume_offset: Of the first input that is still needed; those before it are done.
        facts: What the messages before it told.
        order: Where the order of the chunks stands.
        held: Chunks before it that wait for their turn, and are needed too.
        seen: Digests of the last chunks before it, 32 bits each.
    """

    resume_offset: int
    facts: CallFacts = CallFacts()
    order: SequencePoint = SequencePoint()
    held: tuple[HeldInput, ...] = ()
    seen: bytes = b""


@dataclass(slots=True)
class _Step:
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


class CallInput:
    """What comes next in a call, what is still needed, and when it was captured.

    Args:
        point: Where to begin; None for a call that was not seen before.
        counters: What is set aside is counted there.

    Attributes:
        facts: After the last input.
        chunks_taken: How many chunks were taken in, without those before ``point``.
    """

    def __init__(self, point: InputPoint | None, counters: InputCounters) -> None:
        point = point or InputPoint(resume_offset=0)
        seen = array("I", point.seen)
        self.facts = point.facts
        self.chunks_taken = 0
        self._counters = counters
        self._resume_offset = self._next_offset = point.resume_offset
        self._waiting = {held.offset: held for held in point.held}
        self._unacknowledged = set(self._waiting)
        self._steps: deque[_Step] = deque()
        self._past = seen[:]
        self._captures: deque[tuple[int, int]] = deque()
        self._order = self._sequencer(point.order, seen)

    @property
    def point(self) -> SequencePoint:
        """Return where the order of the chunks stands."""
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

    def put_back(self, chunk: AudioChunk, offset: int, *, samples: int) -> None:
        """Let a chunk wait that was waiting at a takeover."""
        self.chunks_taken += 1
        self._order.put_back(chunk, self._waiting.pop(offset), samples=samples)

    def follows_on(self, chunk: AudioChunk, samples: int) -> bool:
        """Return whether the turn of a chunk comes at once, without a gap."""
        return self._order.follows_on(chunk, samples)

    def insert(self, chunk: AudioChunk, offset: int, *, samples: int) -> Sequencing:
        """Return what comes of a chunk; see `ChunkSequencer.insert`."""
        before = self._step_at(offset)
        sequencing = self._order.insert(chunk, offset, samples=samples)
        if sequencing.is_taken:
            self.chunks_taken += 1
            before.digest = sequencing.digest
            self._begin(before)
            self._extend(sequencing)
        return sequencing

    def take(self, offset: int) -> None:
        """Take in a message that is no audio, or before which the channels are closed."""
        self._begin(self._step_at(offset))

    def flush(self) -> Sequencing:
        """Return the chunks that wait, as part of the last input that was taken in."""
        sequencing = self._order.flush()
        self._extend(sequencing)
        return sequencing

    def change_layout(self, facts: CallFacts) -> None:
        """Go on with other facts, of another sample rate or not; no chunk waits."""
        point = self.point.at_rate(self.facts.sample_rate_hz, facts.sample_rate_hz)
        self.facts = facts
        self._captures.clear()
        self._order = self._sequencer(point, self._order.seen)

    # What is still needed

    def release(self, horizon: int) -> tuple[int, ...]:
        """Return the offsets of the inputs that are not needed behind a position; they are gone.

        Args:
            horizon: First sample that a channel still needs.
        """
        done: list[_Step] = []
        while self._steps and self._steps[0].end <= horizon:
            done.append(self._steps.popleft())
        while self._captures and self._captures[0][0] <= horizon:
            self._captures.popleft()
        return self._acknowledge(done) if done else ()

    def release_all(self, *, before: int | None = None) -> tuple[int, ...]:
        """Return the offsets of all inputs: nothing of them is needed any more.

        Args:
            before: This one is, although it was taken in.
        """
        done = tuple(self._steps)
        self._steps.clear()
        self._captures.clear()
        if before is not None:
            self._next_offset = before
            done = tuple(step for step in done if step.offset != before)
        return self._acknowledge(done)

    def resume_point(self) -> InputPoint:
        """Return the state before the first input that is still needed."""
        here = self._steps[0] if self._steps else self._step_at(self._next_offset)
        return InputPoint(
            resume_offset=here.offset,
            facts=here.facts,
            order=here.order,
            held=here.held,
            seen=self._past.tobytes(),
        )

    def _acknowledge(self, done: Iterable[_Step]) -> tuple[int, ...]:
        for step in done:
            self._unacknowledged.add(step.offset)
            if step.digest is not None:
                remember(self._past, step.digest)
        here = self._steps[0] if self._steps else self._step_at(self._next_offset)
        needed = {held.offset for held in here.held}
        offsets = sorted(
            offset
            for offset in self._unacknowledged
            if offset < here.offset and offset not in needed
        )
        self._unacknowledged.difference_update(offsets)
        return tuple(offsets)

    def _step_at(self, offset: int) -> _Step:
        return _Step(offset, self.facts, self.point, self._order.held)

    def _begin(self, step: _Step) -> None:
        self._steps.append(step)
        self._next_offset = step.offset + 1

    def _extend(self, sequencing: Sequencing) -> None:
        if sequencing.released:
            self._steps[-1].end = sequencing.released[-1].end

    def _sequencer(self, point: SequencePoint, seen: Iterable[int]) -> ChunkSequencer:
        return ChunkSequencer(self.facts.sample_rate_hz, point, seen=seen, counters=self._counters)

    # When it was captured

    def note_capture(self, sequenced: SequencedChunk) -> None:
        """Remember when a chunk was captured."""
        self._captures.append((sequenced.end, sequenced.chunk.captured_at_ns))

    def captured_at_ns(self, at_ms: int) -> int:
        """Return when the audio at ``at_ms`` was captured; 0 if no audio ever was."""
        position = to_position(at_ms, self.facts.sample_rate_hz)
        found = self._captures[-1][1] if self._captures else 0
        for end, captured_at_ns in reversed(self._captures):  # mostly it is among the last ones
            if end < position:
                break
            found = captured_at_ns
        return found
