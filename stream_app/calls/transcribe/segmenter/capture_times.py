"""When the audio of a call was captured."""

from collections import deque

from stream_app.calls.transcribe.input.ordered_chunks import SequencedChunk
from stream_app.calls.transcribe.input.sequence_point import to_position


class CaptureTimes:
    """The wall clock of the source by audio clock, for the chunks that are still needed."""

    def __init__(self) -> None:
        self._rate_hz = 0
        self._chunks: deque[tuple[int, int]] = deque()

    def begin(self, rate_hz: int) -> None:
        """Begin anew, with audio of a sample rate."""
        self._rate_hz = rate_hz
        self._chunks.clear()

    def add(self, sequenced: SequencedChunk) -> None:
        """Take in the time of a chunk, if no other channel's went as far."""
        if sequenced.chunk is None or (self._chunks and sequenced.end <= self._chunks[-1][0]):
            return
        self._chunks.append((sequenced.end, sequenced.chunk.captured_at_ns))

    def forget(self, horizon: int) -> None:
        """Forget the chunks that end at or before a position."""
        while self._chunks and self._chunks[0][0] <= horizon:
            self._chunks.popleft()

    def at(self, at_ms: int) -> int:
        """Return when the audio at ``at_ms`` was captured; 0 if no audio ever was."""
        position = to_position(at_ms, self._rate_hz)
        found = self._chunks[-1][1] if self._chunks else 0
        for end, captured_at_ns in reversed(self._chunks):  # mostly it is among the last ones
            if end < position:
                break
            found = captured_at_ns
        return found
