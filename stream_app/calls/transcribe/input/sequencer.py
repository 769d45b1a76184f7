"""The order of a call's chunks, in spite of duplicates, gaps and corrupt numbers or times.

The time of a chunk (``start_ms``) orders it and its number is a hint: what begins where the audio
ended follows on with any number, and what has the expected number follows on unless it lies ahead.
Everything else waits until later chunks show which of the two is right. Nothing here depends on a
timer, and nothing is dropped without being counted.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec

from schemas.audio import AudioChunk
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Refuse
from stream_app.calls.transcribe.input.chunk_audio import is_short
from stream_app.calls.transcribe.input.held_chunks import (
    MAX_HELD_CHUNKS,
    ArrivedChunk,
    HeldChunks,
    HeldInput,
    chunk_digest,
)
from stream_app.calls.transcribe.input.ordered_chunks import OrderedChunks, SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import SequencePoint, to_ms, to_position

DRIFT_MS = 20  # a start this close to the clock follows on without a gap
REORDER_MS = 400  # of later audio, after which a missing chunk is given up
FILL_LIMIT_MS = 5_000  # longer gaps are not filled with silence, the clock moves on
JUMP_PROOF_MS = 1_000  # of continuous audio proves a longer gap; without it there is no gap
MAX_HELD_MS = 2_000  # of audio wait for their turn
COUNTED_BEHIND_MS = 500  # a chunk this far behind the clock is counted
SEEN_CHUNKS = 64  # among which a duplicate is recognised
MIN_LATER_CHUNKS = 2  # one long chunk proves nothing: it may just have overtaken another
AHEAD_MS = 500  # a clock this far ahead of the times of two chunks in a row is counted


HeldMs = Callable[[int, int], int]


def never_held(_start_ms: int, _end_ms: int) -> int:
    """Return how much of a stretch is on hold in a call without holds: nothing."""
    return 0


def remember(seen: "array[int]", digest: int) -> None:
    """Add a digest to the last ones."""
    seen.append(digest)
    del seen[:-SEEN_CHUNKS]


class ChunkSequencer:
    """Puts the chunks of one call in order, or those of one of its channels.

    Args:
        rate_hz: Sample rate of the call.
        point: Where to begin.
        seen: Digests of the chunks before.
        counters: What is set aside is counted there.
        channel: The only one whose audio is put in order; the numbers of others may lie between
            those of its chunks.

    Attributes:
        point: Behind the last chunk that was returned.
        seen: Digests of the last chunks that were taken in.
        covered: Position up to which other channels have audio: no gap lies before it.
        held_ms: Tells how much of a stretch, by audio clock, was on hold: no audio is lost there.
    """

    def __init__(
        self,
        rate_hz: int,
        point: SequencePoint | None = None,
        *,
        seen: Iterable[int] = (),
        counters: CallCounters | None = None,
        channel: int | None = None,
    ) -> None:
        self._rate_hz = rate_hz
        self._channel = channel
        self._drift = to_position(DRIFT_MS, rate_hz)
        self._counters = counters or CallCounters()
        self._held = HeldChunks()
        self.seen = array("I", seen)
        self.point = point or SequencePoint()
        self.covered = 0
        self.held_ms: HeldMs = never_held

    @property
    def held(self) -> tuple[HeldInput, ...]:
        """Return what waits for its turn."""
        if not self._held:
            return ()
        channel = -1 if self._channel is None else self._channel
        return tuple(HeldInput(held.offset, held.heard, channel) for held in self._held)

    def follows_on(self, chunk: AudioChunk, samples: int) -> bool:
        """Return whether the turn of a chunk comes at once, without a gap."""
        return self._follows_on(self.arrived(chunk, -1, samples=samples, digest=0))

    def insert(self, chunk: AudioChunk, offset: int, *, samples: int) -> OrderedChunks:
        """Return the chunks that can go on now, of this one and those that waited for it.

        Args:
            chunk: As it came.
            offset: In the partition.
            samples: Its duration.
        """
        arrived = self.arrived(chunk, offset, samples=samples, digest=chunk_digest(chunk))
        if self.is_duplicate(arrived):
            self._counters.duplicates += 1
            return OrderedChunks(is_taken=False)
        if self.is_late(arrived):
            return OrderedChunks(refused=[self.refusal(arrived)], is_taken=False)
        remember(self.seen, arrived.digest)
        short_ms = chunk.start_ms if is_short(samples, self._rate_hz) else -1
        self.point = msgspec.structs.replace(self.point, last_seq=arrived.seq, short_ms=short_ms)
        self._held.add(arrived)
        return self.settle(OrderedChunks(digest=arrived.digest))

    def put_back(self, chunk: AudioChunk, held: HeldInput, *, samples: int) -> None:
        """Let a chunk wait that waited when ``point`` was written."""
        arrived = self.arrived(chunk, held.offset, samples=samples, digest=chunk_digest(chunk))
        self._held.add(replace(arrived, heard=held.heard))

    def flush(self, ordered: OrderedChunks) -> OrderedChunks:
        """Return what waits as well, in order: nothing that it waits for will come."""
        while self._held:
            self.settle(ordered)
            if self._held:
                self._resolve(next(iter(self._held)), ordered)
        return ordered

    # A channel among others

    def add(self, arrived: ArrivedChunk) -> None:
        """Let a chunk wait for its turn."""
        self._held.add(arrived)

    def remove_all(self) -> list[ArrivedChunk]:
        """Return the chunks that wait; none waits any more."""
        return self._held.remove_all()

    def expect(self, arrived: ArrivedChunk) -> None:
        """Take the number of a chunk as the next one, unless its time lies ahead."""
        if arrived.start - self.point.clock <= min(self._drift, arrived.samples // 2):
            self.point = msgspec.structs.replace(self.point, next_seq=arrived.seq)

    def advance_to(self, position: int, ordered: OrderedChunks) -> None:
        """Go on at a position that other channels have passed: what is missing before is not here.

        Their audio confirms the times of the chunks that wait before it.
        """
        while True:
            self.settle(ordered)
            early = (held for held in self._held if held.start < position)
            held = next((held for held in early if not self._is_behind(held)), None)
            if held is None:
                break
            self._release(held, ordered, is_after_gap=True)
        point = self.point
        if point.clock >= position:
            return
        is_jump = position - point.clock > self._samples(FILL_LIMIT_MS)
        claimed_end = position if is_jump else point.claimed_end
        self.point = msgspec.structs.replace(point, clock=position, claimed_end=claimed_end)
        ordered.released.append(
            SequencedChunk(None, -1, point.clock, position, 0, is_jump, self._channel)
        )
        self.settle(ordered)

    # What a chunk is

    def arrived(self, chunk: AudioChunk, offset: int, *, samples: int, digest: int) -> ArrivedChunk:
        """Return a chunk with its place by its own time."""
        start = to_position(chunk.start_ms, self._rate_hz)
        return ArrivedChunk(chunk, offset, start, samples, self.point.heard, digest)

    def _follows_on(self, arrived: ArrivedChunk) -> bool:
        """Return whether a chunk begins where the audio ended, or is next and not ahead of it."""
        point, gap = self.point, arrived.start - self.point.clock
        if gap <= self._drift and arrived.seq == point.next_seq:
            return True
        if abs(gap) <= self._drift and arrived.seq == point.alt_seq:
            return True
        return arrived.begins_at(point.clock, self._drift) or arrived.begins_at(
            point.claimed_end, self._drift
        )

    def is_duplicate(self, arrived: ArrivedChunk) -> bool:
        """Return whether a chunk came before."""
        if any(held.digest == arrived.digest and held.seq == arrived.seq for held in self._held):
            return True
        return arrived.start < self.point.clock and arrived.digest in self.seen

    def _is_behind(self, arrived: ArrivedChunk) -> bool:
        """Return whether a chunk begins before the audio ended, by our clock and its own."""
        end = min(self.point.clock, self.point.claimed_end)
        return arrived.start < end - min(self._drift, arrived.samples // 2)

    def is_late(self, arrived: ArrivedChunk) -> bool:
        """Return whether the audio clock has passed a chunk."""
        is_next = self._follows_on(arrived) or arrived.seq > self.point.next_seq
        return self._is_behind(arrived) and not is_next

    def _is_expected(self, arrived: ArrivedChunk) -> bool:
        return arrived.seq in {self.point.next_seq, self.point.alt_seq}

    # Whose turn it is

    def settle(self, ordered: OrderedChunks) -> OrderedChunks:
        """Return as well the chunks whose turn has come."""
        while self._held:
            if (held := self._following()) is not None:
                self._release(held, ordered)
            elif (held := self._mistimed()) is not None:
                self._counters.time_mismatches += 1
                self._release(held, ordered)
            elif (held := self._after_gap()) is not None:
                self._release(held, ordered, is_after_gap=True)
            elif (held := self._overdue()) is not None:
                self._refuse(held, ordered)
            elif self._is_full():
                self._resolve(self._held.oldest, ordered)
            else:
                break
        return ordered

    def _following(self) -> ArrivedChunk | None:
        """Return a chunk that follows on at once, the expected one before any other."""
        following = [held for held in self._held if self._follows_on(held)]
        expected = (held for held in following if held.seq == self.point.next_seq)
        return next(expected, following[0] if following else None)

    def _mistimed(self) -> ArrivedChunk | None:
        """Return the expected chunk if the chunks after it show that its time is corrupt."""
        by_number = self._held.by_number()
        for expected in (self.point.next_seq, self.point.alt_seq):
            seq, clock = expected, self.point.clock
            while (held := by_number.get(seq)) is not None:
                if seq > expected and held.begins_at(clock, self._drift):
                    return by_number[expected]
                seq, clock = seq + 1, clock + held.samples
        return None

    def _after_gap(self) -> ArrivedChunk | None:
        """Return the first chunk beyond a gap, once later ones show that there is one."""
        first = next((held for held in self._held if not self._is_behind(held)), None)
        if first is None:
            return None
        if first.start - self.point.clock > self._samples(FILL_LIMIT_MS):
            run = self._held.run_from(first, self._drift, self._samples(REORDER_MS))
            proof_ms = REORDER_MS if self._is_as_long_as_numbered(first) else JUMP_PROOF_MS
            return first if self._is_proof(run, proof_ms) else None
        run = self._held.within(first.start, first.start + self._samples(FILL_LIMIT_MS))
        if self._is_proof(run, REORDER_MS):
            return first
        is_confirmed = any(
            held.begins_at(first.end, self._drift) for held in run if held is not first
        )
        return first if self._is_expected(first) and is_confirmed else None

    def _is_proof(self, run: list[ArrivedChunk], proof_ms: int) -> bool:
        samples = sum(held.samples for held in run)
        return samples >= self._samples(proof_ms) and len(run) >= MIN_LATER_CHUNKS

    def _is_as_long_as_numbered(self, first: ArrivedChunk) -> bool:
        """Return whether the numbers miss about as much audio as the times do."""
        gap = first.start - self.point.clock
        missing = (first.seq - self.point.next_seq) * first.samples
        return abs(missing - gap) <= gap // 10

    def _overdue(self) -> ArrivedChunk | None:
        """Return a chunk that the audio of ``JUMP_PROOF_MS`` since it came has not confirmed."""
        horizon = self.point.heard - self._samples(JUMP_PROOF_MS)
        return next((held for held in self._held if held.heard <= horizon), None)

    def _is_full(self) -> bool:
        is_long = self._held.samples > self._samples(MAX_HELD_MS)
        return is_long or len(self._held) > MAX_HELD_CHUNKS

    # Released or refused

    def _resolve(self, held: ArrivedChunk, ordered: OrderedChunks) -> None:
        """Release a chunk, or refuse it, although nothing confirms its time."""
        gap = held.start - self.point.clock
        is_jump = gap > self._samples(FILL_LIMIT_MS)
        if is_jump and self._is_expected(held):
            self._counters.time_mismatches += 1
            self._release(held, ordered)
        elif self._is_behind(held) or (is_jump and not self._is_likely(held)):
            self._refuse(held, ordered)
        else:
            self._release(held, ordered, is_after_gap=True)

    def _is_likely(self, held: ArrivedChunk) -> bool:
        """Return whether the numbers agree with a jump, or some audio behind it does."""
        run = self._held.run_from(held, self._drift, self._samples(REORDER_MS))
        return self._is_as_long_as_numbered(held) or self._is_proof(run, REORDER_MS)

    def _release(
        self, held: ArrivedChunk, ordered: OrderedChunks, *, is_after_gap: bool = False
    ) -> None:
        self._held.remove(held)
        point = self.point
        heard = max(point.clock, self.covered)
        is_gap = is_after_gap and (held.start > heard or self._channel is None)
        gap_ms = self._lost_ms(heard, held.chunk.start_ms) if is_gap else 0
        is_gap = is_gap and gap_ms is not None
        gap_ms = gap_ms or 0
        start = max(point.clock, held.start) if is_after_gap else point.clock
        self._counters.gaps += is_gap
        self._counters.gap_ms += gap_ms
        self._count_doubts(held, is_after_gap=is_after_gap)
        ahead = self._ahead_after(start - held.start)
        next_seq, alt_seq = self._numbers_after(held.seq, is_after_gap=is_after_gap)
        self.point = msgspec.structs.replace(
            point,
            next_seq=next_seq,
            alt_seq=alt_seq,
            clock=start + held.samples,
            heard=point.heard + held.samples,
            claimed_end=held.end,
            gaps=point.gaps + is_gap,
            gap_ms=point.gap_ms + gap_ms,
            ahead=ahead,
        )
        is_jump = start - point.clock > self._samples(FILL_LIMIT_MS)
        ordered.released.append(
            SequencedChunk(
                held.chunk, held.offset, point.clock, start, held.samples, is_jump, self._channel
            )
        )

    def _lost_ms(self, heard: int, start_ms: int) -> int | None:
        """Return the audio that a gap lacks; None where the caller was on hold all the while."""
        heard_ms = to_ms(heard, self._rate_hz)
        gap_ms = max(start_ms - heard_ms, 0)
        held_ms = self.held_ms(heard_ms, start_ms) if gap_ms else 0
        return None if held_ms and gap_ms - held_ms <= DRIFT_MS else gap_ms - held_ms

    def _ahead_after(self, ahead: int) -> int:
        """Return how far the clock was ahead at most; of two chunks in a row the lesser counts."""
        point = self.point
        ahead = min(ahead, point.clock - point.claimed_end)
        return max(ahead, point.ahead) if ahead >= self._samples(AHEAD_MS) else point.ahead

    def _numbers_after(self, seq: int, *, is_after_gap: bool) -> tuple[int, int]:
        """Return the numbers expected after ``seq``; of a new numbering the next chunk decides."""
        next_seq, alt_seq = self.point.next_seq, self.point.alt_seq
        other = alt_seq + 1 if alt_seq >= 0 else -1
        if seq == next_seq:
            return seq + 1, other
        if seq == alt_seq or not self.point.heard:  # the first chunk of a call begins its numbers
            return seq + 1, next_seq + 1
        if self._channel is not None and not is_after_gap:
            return seq + 1, next_seq
        return (seq + 1, -1) if is_after_gap else (next_seq + 1, seq + 1)

    def _count_doubts(self, held: ArrivedChunk, *, is_after_gap: bool) -> None:
        is_skip = self._channel is not None and held.seq > self.point.next_seq
        if not (self._is_expected(held) or is_after_gap or is_skip):
            self._counters.renumbered += 1
        is_far = held.start < self.point.clock - self._samples(COUNTED_BEHIND_MS)
        if is_far and not held.begins_at(self.point.claimed_end, self._drift):
            self._counters.time_mismatches += 1

    def _refuse(self, held: ArrivedChunk, ordered: OrderedChunks) -> None:
        self._held.remove(held)
        ordered.refused.append(self.refusal(held))

    def refusal(self, arrived: ArrivedChunk) -> Refuse:
        """Return the refusal of a chunk that no position fits, and count it."""
        clock_ms = to_ms(self.point.clock, self._rate_hz)
        name = f"chunk {arrived.seq} at {arrived.chunk.start_ms} ms"
        if arrived.start < self.point.clock:
            self._counters.late_chunks += 1
            return Refuse(
                arrived.offset, f"{name} is late: the audio clock is already at {clock_ms} ms"
            )
        self._counters.unconfirmed_jumps += 1
        return Refuse(
            arrived.offset, f"{name}: no audio around it confirms a jump from {clock_ms} ms"
        )

    def _samples(self, duration_ms: int) -> int:
        return to_position(duration_ms, self._rate_hz)
