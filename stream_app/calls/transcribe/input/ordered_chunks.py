"""Chunks of a call whose turn has come."""

from dataclasses import dataclass, field

from schemas.audio import AudioChunk
from stream_app.calls.effects import Refuse


@dataclass(frozen=True, slots=True)
class SequencedChunk:
    """A chunk whose turn has come; positions are samples, counted from the call's start.

    Without a chunk it is silence up to ``start``, where a channel has no audio.

    Attributes:
        audio_end: Where the audio before it ended.
        start: Its first sample; later than ``audio_end`` after a gap.
        samples: Its duration.
        is_after_jump: A gap too long to be filled with silence precedes it.
        channel: The one whose audio this is; None for every channel of the chunk.
    """

    chunk: AudioChunk | None
    offset: int
    audio_end: int
    start: int
    samples: int
    is_after_jump: bool = False
    channel: int | None = None

    @property
    def end(self) -> int:
        """Return the sample after its last one."""
        return self.start + self.samples

    @property
    def silence(self) -> int:
        """Return how many samples of silence fill the gap before it."""
        return 0 if self.is_after_jump else self.start - self.audio_end


@dataclass(slots=True)
class OrderedChunks:
    """The chunks whose turn has come because of another one, and those that are refused.

    Attributes:
        released: Chunks whose turn has come, in order.
        refused: Chunks that no position fits; a reason for each.
        is_taken: The new chunk is among the released ones, or waits; else it changed nothing.
        digest: Of the new chunk; see `chunk_digest`.
    """

    released: list[SequencedChunk] = field(default_factory=list)
    refused: list[Refuse] = field(default_factory=list)
    is_taken: bool = True
    digest: int = 0

    @property
    def end(self) -> int:
        """Return the position after the audio that was released; 0 without any."""
        return max([sequenced.end for sequenced in self.released], default=0)
