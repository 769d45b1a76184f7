"""Return a call's chunks in order, without duplicates, with the gaps between them made plain.

Reordering is mended by count, never by a timer: a hole is given up once three later chunks
have come. Time is taken from the chunks' ``start_ms``; the sequence number only orders them, so
that a corrupt one cannot invent audio.
"""

from dataclasses import dataclass

import msgspec

from schemas.audio import AudioChunk

REORDER_CHUNKS = 3  # later chunks after which a missing one is given up
DRIFT_MS = 20  # a start this close to the clock follows on without a gap
FILL_LIMIT_MS = 5_000  # longer gaps are not filled with silence, the clock moves on


def to_position(at_ms: int, rate_hz: int) -> int:
    """Return the sample, counted from the call's start, that is heard at ``at_ms``."""
    return at_ms * rate_hz // 1000


def to_ms(position: int, rate_hz: int) -> int:
    """Return the first whole millisecond at or after a sample's time."""
    return -(-position * 1000 // rate_hz)


class SequencePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call's input stands before a chunk.

    Attributes:
        next_seq: The chunk that is expected.
        clock: Its first sample, counted from the call's start, were it to follow without a gap.
        gaps: Gaps so far.
        gap_ms: Their duration.
    """

    next_seq: int = 0
    clock: int = 0
    gaps: int = 0
    gap_ms: int = 0


@dataclass(frozen=True, slots=True)
class SequencedChunk:
    """A chunk whose turn has come.

    Attributes:
        before: Input position before it and before the gap that precedes it.
        after_gap: The same once that gap is behind us; equal to ``before`` without a gap.
        samples: Its duration in samples.
    """

    chunk: AudioChunk
    offset: int
    before: SequencePoint
    after_gap: SequencePoint
    samples: int

    @property
    def start(self) -> int:
        """Return its first sample, counted from the call's start."""
        return self.after_gap.clock

    @property
    def end(self) -> int:
        """Return the sample after its last one."""
        return self.start + self.samples

    @property
    def is_after_jump(self) -> bool:
        """Return whether a gap too long to be filled with silence precedes it."""
        return self.after_gap.gap_ms - self.before.gap_ms > FILL_LIMIT_MS


class ChunkSequencer:
    """Puts the chunks of one call in order.

    Args:
        rate_hz: Sample rate of the call.
        point: Where to begin; chunks before ``point.next_seq`` are ignored.

    Attributes:
        point: Input position behind the last chunk that was returned.
        last_seq: Highest sequence number taken in, -1 before the first.
        dropped: Duplicates and chunks that came too late.
    """

    def __init__(self, rate_hz: int, point: SequencePoint | None = None) -> None:
        self._rate_hz = rate_hz
        self.point = point or SequencePoint()
        self.last_seq = self.point.next_seq - 1
        self.dropped = 0
        self._held: dict[int, tuple[AudioChunk, int, int]] = {}

    def insert(
        self, chunk: AudioChunk, offset: int, *, samples: int
    ) -> list[SequencedChunk] | None:
        """Return the chunks whose turn has come; None if this one is a duplicate or too late.

        Args:
            chunk: As it came.
            offset: Its place in the partition.
            samples: Its duration.
        """
        if chunk.seq < self.point.next_seq or chunk.seq in self._held:
            self.dropped += 1
            return None
        self.last_seq = max(self.last_seq, chunk.seq)
        self._held[chunk.seq] = (chunk, offset, samples)
        released = self._release_consecutive()
        while len(self._held) >= REORDER_CHUNKS:
            released.append(self._release(min(self._held)))
            released.extend(self._release_consecutive())
        return released

    def flush(self) -> list[SequencedChunk]:
        """Return the chunks still held, in order: nothing that they wait for will come."""
        return [self._release(seq) for seq in sorted(self._held)]

    def _release_consecutive(self) -> list[SequencedChunk]:
        released = []
        while self.point.next_seq in self._held:
            released.append(self._release(self.point.next_seq))
        return released

    def _release(self, seq: int) -> SequencedChunk:
        chunk, offset, samples = self._held.pop(seq)
        before = self.point
        after_gap = self._pass_gap(before, chunk)
        end = after_gap.clock + samples
        self.point = msgspec.structs.replace(after_gap, next_seq=seq + 1, clock=end)
        return SequencedChunk(chunk, offset, before, after_gap, samples)

    def _pass_gap(self, before: SequencePoint, chunk: AudioChunk) -> SequencePoint:
        gap_ms = chunk.start_ms - to_ms(before.clock, self._rate_hz)
        has_gap = gap_ms > DRIFT_MS
        if not has_gap and chunk.seq == before.next_seq:
            return before
        return msgspec.structs.replace(
            before,
            next_seq=chunk.seq,
            clock=to_position(chunk.start_ms, self._rate_hz) if has_gap else before.clock,
            gaps=before.gaps + 1,
            gap_ms=before.gap_ms + (gap_ms if has_gap else 0),
        )
