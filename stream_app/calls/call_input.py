"""Return a call's chunks in order, and remember them until no channel needs them any more."""

from collections import deque

from schemas.audio import AudioChunk
from stream_app.calls.sequencer import ChunkSequencer, SequencedChunk, SequencePoint


class CallInput:
    """The input of one call: what comes next, what is still needed, when it was captured.

    Args:
        point: Where to begin.

    Attributes:
        sequencer: Puts the chunks in order; None before the first one.
    """

    def __init__(self, point: SequencePoint) -> None:
        self._point = point
        self.sequencer: ChunkSequencer | None = None
        self._needed: deque[SequencedChunk] = deque()
        self._captures: deque[tuple[int, int]] = deque()

    @property
    def is_open(self) -> bool:
        """Return whether there was a chunk."""
        return self.sequencer is not None

    @property
    def last_seq(self) -> int:
        """Return the highest sequence number so far, -1 before any."""
        return self.sequencer.last_seq if self.sequencer else self._point.next_seq - 1

    @property
    def dropped(self) -> int:
        """Return how many duplicates and late chunks were dropped."""
        return self.sequencer.dropped if self.sequencer else 0

    @property
    def point(self) -> SequencePoint:
        """Return the position behind the last chunk whose turn has come."""
        return self.sequencer.point if self.sequencer else self._point

    def open(self, rate_hz: int) -> None:
        """Begin with the first chunk, now that the sample rate is known."""
        self.sequencer = ChunkSequencer(rate_hz, self._point)

    def insert(
        self, chunk: AudioChunk, offset: int, *, samples: int
    ) -> list[SequencedChunk] | None:
        """Return the chunks whose turn has come; see `ChunkSequencer.insert`."""
        assert self.sequencer is not None  # noqa: S101 -- open comes first
        released = self.sequencer.insert(chunk, offset, samples=samples)
        self._needed.extend(released or ())
        return released

    def flush(self) -> list[SequencedChunk]:
        """Return the chunks still held: nothing that they wait for will come."""
        released = self.sequencer.flush() if self.sequencer else []
        self._needed.extend(released)
        return released

    def note_capture(self, sequenced: SequencedChunk) -> None:
        """Remember when a chunk was captured."""
        self._captures.append((sequenced.end, sequenced.chunk.captured_at_ns))

    def captured_at_ns(self, position: int) -> int:
        """Return when the sample at ``position`` was captured; 0 if no audio ever was."""
        found = self._captures[-1][1] if self._captures else 0
        for end, captured_at_ns in reversed(self._captures):  # mostly it is among the last ones
            if end < position:
                break
            found = captured_at_ns
        return found

    def release(self, horizon: int) -> tuple[int, ...]:
        """Return the offsets of the chunks that lie wholly before a position; they are gone."""
        offsets = []
        while self._needed and self._needed[0].end <= horizon:
            offsets.append(self._needed.popleft().offset)
        while self._captures and self._captures[0][0] <= horizon:
            self._captures.popleft()
        return tuple(offsets)

    def release_all(self) -> tuple[int, ...]:
        """Return the offsets of all chunks: the call has ended."""
        offsets = tuple(sequenced.offset for sequenced in self._needed)
        self._needed.clear()
        return offsets

    def resume_point(self, position: int) -> SequencePoint:
        """Return the position before the first chunk still needed.

        Behind the gap before that chunk if every channel is past the gap: else the gap would be
        met, counted and reported a second time.

        Args:
            position: First sample that a channel still needs, its warm-up not counted.
        """
        if not self._needed:
            return self.point
        first = self._needed[0]
        return first.after_gap if position >= first.start else first.before
