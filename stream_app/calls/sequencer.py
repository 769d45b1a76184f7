"""Order of a call's chunks: duplicates, gaps and corrupt numbers or times told apart.

The time of a chunk (``start_ms``) orders it and its number is a hint: what begins where the audio
ended follows on, whatever its number says, and what has the expected number follows on unless it
lies ahead. Everything else waits until later chunks say which of the two is right. Nothing here
depends on a timer, and nothing is dropped without being counted.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from schemas.audio import AudioChunk
from stream_app.calls.counters import InputCounters
from stream_app.calls.effects import Refuse
from stream_app.calls.held_chunks import MAX_HELD_CHUNKS, ArrivedChunk, HeldChunks, chunk_digest

DRIFT_MS = 20  # a start this close to the clock follows on without a gap
REORDER_MS = 400  # of later audio, after which a missing chunk is given up
FILL_LIMIT_MS = 5_000  # longer gaps are not filled with silence, the clock moves on
JUMP_PROOF_MS = 1_000  # of audio that hangs together proves a longer gap; without it, it is none
MAX_HELD_MS = 2_000  # of audio wait for their turn
TOLD_BEHIND_MS = 500  # a chunk this far behind the clock is counted
SEEN_CHUNKS = 64  # among which a duplicate is recognised
MIN_LATER_CHUNKS = 2  # one long chunk gives up nothing: it may just have overtaken another


def to_position(at_ms: int, rate_hz: int) -> int:
    """Return the sample, counted from the call's start, that is heard at ``at_ms``."""
    return at_ms * rate_hz // 1000


def to_ms(position: int, rate_hz: int) -> int:
    """Return the first whole millisecond at or after a sample's time."""
    return -(-position * 1000 // rate_hz)


def remember(seen: "array[int]", digest: int) -> None:
    """Add a digest to the last ones."""
    seen.append(digest)
    del seen[:-SEEN_CHUNKS]


class SequencePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order of a call's chunks stands between two inputs.

    Attributes:
        next_seq: The number that is expected.
        alt_seq: The number expected by another numbering that was seen, -1 before any.
        clock: The sample that is due, counted from the call's start.
        heard: How many samples were released.
        claimed_end: End of the last chunk by its own ``start_ms``.
        gaps: Gaps so far.
        gap_ms: Their duration.
        last_seq: Number of the last chunk that was taken in, -1 before any.
    """

    next_seq: int = 0
    alt_seq: int = -1
    clock: int = 0
    heard: int = 0
    claimed_end: int = 0
    gaps: int = 0
    gap_ms: int = 0
    last_seq: int = -1

    def at_rate(self, rate_hz: int, new_rate_hz: int) -> "SequencePoint":
        """Return the same point in samples of another rate, on a whole millisecond."""
        if rate_hz in {0, new_rate_hz}:  # 0: nothing was heard yet
            return self
        return msgspec.structs.replace(
            self,
            clock=to_position(to_ms(self.clock, rate_hz), new_rate_hz),
            claimed_end=to_position(to_ms(self.claimed_end, rate_hz), new_rate_hz),
        )


@dataclass(frozen=True, slots=True)
class SequencedChunk:
    """A chunk whose turn has come; positions are samples, counted from the call's start.

    Attributes:
        audio_end: Where the audio before it ended.
        start: Its first sample; later than ``audio_end`` after a gap.
        samples: Its duration.
        is_after_jump: A gap too long to be filled with silence precedes it.
    """

    chunk: AudioChunk
    offset: int
    audio_end: int
    start: int
    samples: int
    is_after_jump: bool = False

    @property
    def end(self) -> int:
        """Return the sample after its last one."""
        return self.start + self.samples

    @property
    def silence(self) -> int:
        """Return how many samples of silence fill the gap before it."""
        return 0 if self.is_after_jump else self.start - self.audio_end


@dataclass(slots=True)
class Sequencing:
    """What came of a chunk.

    Attributes:
        released: Chunks whose turn has come, in order.
        refused: Chunks that can have no place; a reason for each.
        is_taken: It is among the released ones, or waits; else it changed nothing.
        digest: Of the chunk; see `chunk_digest`.
    """

    released: list[SequencedChunk] = field(default_factory=list)
    refused: list[Refuse] = field(default_factory=list)
    is_taken: bool = True
    digest: int = 0


class HeldInput(msgspec.Struct, frozen=True, array_like=True):
    """A chunk that waits: its place in the partition, and how much had been released before."""

    offset: int
    heard: int


class ChunkSequencer:
    """Puts the chunks of one call in order.

    Args:
        rate_hz: Sample rate of the call.
        point: Where to begin.
        seen: Digests of the chunks before.
        counters: What is set aside is counted there.

    Attributes:
        point: Behind the last chunk that was returned.
        seen: Digests of the last chunks that were taken in.
    """

    def __init__(
        self,
        rate_hz: int,
        point: SequencePoint | None = None,
        *,
        seen: Iterable[int] = (),
        counters: InputCounters | None = None,
    ) -> None:
        self._rate_hz = rate_hz
        self._drift = to_position(DRIFT_MS, rate_hz)
        self._counters = counters or InputCounters()
        self._held = HeldChunks()
        self.seen = array("I", seen)
        self.point = point or SequencePoint()

    @property
    def held(self) -> tuple[HeldInput, ...]:
        """Return what waits for its turn."""
        if not self._held:
            return ()
        return tuple(HeldInput(held.offset, held.heard) for held in self._held)

    def follows_on(self, chunk: AudioChunk, samples: int) -> bool:
        """Return whether the turn of a chunk comes at once, without a gap."""
        arrived = ArrivedChunk(chunk, -1, self._start_of(chunk), samples, 0, 0)
        return self._follows_on(arrived)

    def insert(self, chunk: AudioChunk, offset: int, *, samples: int) -> Sequencing:
        """Return what comes of a chunk, and of those that waited for it.

        Args:
            chunk: As it came.
            offset: Its place in the partition.
            samples: Its duration.
        """
        arrived = self._arrived(chunk, offset, samples, self.point.heard)
        if self._is_duplicate(arrived):
            self._counters.duplicates += 1
            return Sequencing(is_taken=False)
        if self._is_late(arrived):
            return Sequencing(refused=[self._refusal(arrived)], is_taken=False)
        remember(self.seen, arrived.digest)
        self.point = msgspec.structs.replace(self.point, last_seq=arrived.seq)
        self._held.add(arrived)
        return self._settle(Sequencing(digest=arrived.digest))

    def put_back(self, chunk: AudioChunk, held: HeldInput, *, samples: int) -> None:
        """Let a chunk wait that waited when ``point`` was written."""
        self._held.add(self._arrived(chunk, held.offset, samples, held.heard))

    def flush(self) -> Sequencing:
        """Return what waits, in order: nothing that it waits for will come."""
        sequencing = Sequencing()
        while self._held:
            self._settle(sequencing)
            if self._held:
                self._resolve(next(iter(self._held)), sequencing)
        return sequencing

    # What a chunk is

    def _arrived(self, chunk: AudioChunk, offset: int, samples: int, heard: int) -> ArrivedChunk:
        start = self._start_of(chunk)
        return ArrivedChunk(chunk, offset, start, samples, heard, chunk_digest(chunk))

    def _start_of(self, chunk: AudioChunk) -> int:
        return to_position(chunk.start_ms, self._rate_hz)

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

    def _is_duplicate(self, arrived: ArrivedChunk) -> bool:
        if any(held.digest == arrived.digest and held.seq == arrived.seq for held in self._held):
            return True
        return arrived.start < self.point.clock and arrived.digest in self.seen

    def _is_behind(self, arrived: ArrivedChunk) -> bool:
        """Return whether a chunk begins before the audio ended, by our clock and its own."""
        end = min(self.point.clock, self.point.claimed_end)
        return arrived.start < end - min(self._drift, arrived.samples // 2)

    def _is_late(self, arrived: ArrivedChunk) -> bool:
        is_next = self._follows_on(arrived) or arrived.seq > self.point.next_seq
        return self._is_behind(arrived) and not is_next

    def _is_expected(self, arrived: ArrivedChunk) -> bool:
        return arrived.seq in {self.point.next_seq, self.point.alt_seq}

    # Whose turn it is

    def _settle(self, sequencing: Sequencing) -> Sequencing:
        while self._held:
            if (held := self._following()) is not None:
                self._release(held, sequencing)
            elif (held := self._mistimed()) is not None:
                self._counters.time_mismatches += 1
                self._release(held, sequencing)
            elif (held := self._after_gap()) is not None:
                self._release(held, sequencing, is_after_gap=True)
            elif (held := self._overdue()) is not None:
                self._refuse(held, sequencing)
            elif self._is_full():
                self._resolve(self._held.oldest, sequencing)
            else:
                break
        return sequencing

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
        """Return a chunk that so much audio since it came has not confirmed."""
        horizon = self.point.heard - self._samples(JUMP_PROOF_MS)
        return next((held for held in self._held if held.heard <= horizon), None)

    def _is_full(self) -> bool:
        is_long = self._held.samples > self._samples(MAX_HELD_MS)
        return is_long or len(self._held) > MAX_HELD_CHUNKS

    # What becomes of it

    def _resolve(self, held: ArrivedChunk, sequencing: Sequencing) -> None:
        """Give a chunk its place, or refuse it, although nothing confirms its time."""
        gap = held.start - self.point.clock
        is_jump = gap > self._samples(FILL_LIMIT_MS)
        if is_jump and self._is_expected(held):
            self._counters.time_mismatches += 1
            self._release(held, sequencing)
        elif self._is_behind(held) or (is_jump and not self._is_likely(held)):
            self._refuse(held, sequencing)
        else:
            self._release(held, sequencing, is_after_gap=True)

    def _is_likely(self, held: ArrivedChunk) -> bool:
        """Return whether the numbers agree with a jump, or some audio behind it does."""
        run = self._held.run_from(held, self._drift, self._samples(REORDER_MS))
        return self._is_as_long_as_numbered(held) or self._is_proof(run, REORDER_MS)

    def _release(
        self, held: ArrivedChunk, sequencing: Sequencing, *, is_after_gap: bool = False
    ) -> None:
        self._held.remove(held)
        point = self.point
        gap_ms = held.chunk.start_ms - to_ms(point.clock, self._rate_hz) if is_after_gap else 0
        start = max(point.clock, held.start) if is_after_gap else point.clock
        self._tell_doubts(held, is_after_gap=is_after_gap)
        next_seq, alt_seq = self._numbers_after(held.seq, is_after_gap=is_after_gap)
        self.point = msgspec.structs.replace(
            point,
            next_seq=next_seq,
            alt_seq=alt_seq,
            clock=start + held.samples,
            heard=point.heard + held.samples,
            claimed_end=held.end,
            gaps=point.gaps + is_after_gap,
            gap_ms=point.gap_ms + max(gap_ms, 0),
        )
        is_jump = start - point.clock > self._samples(FILL_LIMIT_MS)
        sequencing.released.append(
            SequencedChunk(held.chunk, held.offset, point.clock, start, held.samples, is_jump)
        )

    def _numbers_after(self, seq: int, *, is_after_gap: bool) -> tuple[int, int]:
        """Return the numbers expected after ``seq``; of a new numbering the next chunk decides."""
        next_seq, alt_seq = self.point.next_seq, self.point.alt_seq
        other = alt_seq + 1 if alt_seq >= 0 else -1
        if seq == next_seq:
            return seq + 1, other
        if seq == alt_seq:
            return seq + 1, next_seq + 1
        return (seq + 1, -1) if is_after_gap else (next_seq + 1, seq + 1)

    def _tell_doubts(self, held: ArrivedChunk, *, is_after_gap: bool) -> None:
        if not self._is_expected(held) and not is_after_gap:
            self._counters.renumbered += 1
        is_far = held.start < self.point.clock - self._samples(TOLD_BEHIND_MS)
        if is_far and not held.begins_at(self.point.claimed_end, self._drift):
            self._counters.time_mismatches += 1

    def _refuse(self, held: ArrivedChunk, sequencing: Sequencing) -> None:
        self._held.remove(held)
        sequencing.refused.append(self._refusal(held))

    def _refusal(self, arrived: ArrivedChunk) -> Refuse:
        clock_ms = to_ms(self.point.clock, self._rate_hz)
        place = f"chunk {arrived.seq} at {arrived.chunk.start_ms} ms"
        if arrived.start < self.point.clock:
            self._counters.late_chunks += 1
            return Refuse(
                arrived.offset, f"{place} is late: the audio clock is already at {clock_ms} ms"
            )
        self._counters.unconfirmed_jumps += 1
        return Refuse(
            arrived.offset, f"{place}: no audio around it confirms a jump from {clock_ms} ms"
        )

    def _samples(self, duration_ms: int) -> int:
        return to_position(duration_ms, self._rate_hz)
