"""What a channel is cut into: segments, speech activity, and the origins between them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from models.audio.samples import FloatArray, no_samples
from models.vad.front_end import WARM_UP_FRAMES
from models.vad.silero import FRAME_MS
from schemas.transcripts import MAX_REVISED_SEGMENTS, MAX_REVISION_MS
from stream_app.calls.transcribe.segmenter.speech_gate import GateConfig

NEVER_MS = -1

# Start and end of a segment, and the audio clock up to which audio has come: is it crosstalk?
IsCopied = Callable[[int, int, int], bool]
Cut = Literal["pause", "limit", "gap", "stall", "end"]


class SegmentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel is cut into segments.

    Attributes:
        pause_ms: Silence that ends a segment.
        max_segment_ms: No segment is longer, by two frames at most.
        cut_window_ms: At the limit, the quietest frame of this much recent audio is the cut.
        pre_roll_ms: Audio before the onset that belongs to a segment.
        post_roll_ms: Audio after the end of speech that belongs to it.
        activity_tail_ms: Silence after speech through which activity is still reported: longer
            than any turn stays open.
        rebuild_silence_ms: The front end is rebuilt after this much silence.
        passage_ms: Longest audio of a passage: of segments that are decoded together; 0 for each
            segment alone.
        passage_reach_ms: Longest time from the begin of a passage to its end.
        gate: Hysteresis of speech and silence.
    """

    pause_ms: int = 400
    max_segment_ms: int = 12_000
    cut_window_ms: int = 2_000
    pre_roll_ms: int = 256
    post_roll_ms: int = 144
    activity_tail_ms: int = 3_500
    rebuild_silence_ms: int = 10_000
    passage_ms: int = 12_000
    passage_reach_ms: int = 20_000
    gate: GateConfig = GateConfig()

    def __post_init__(self) -> None:
        """Refuse values under which segments would overlap or never end.

        Raises:
            ValueError: Named by its message; msgspec and pydantic report it as invalid input.
        """
        if self.pre_roll_ms + self.post_roll_ms > self.pause_ms:
            raise ValueError("pre_roll_ms + post_roll_ms must not exceed pause_ms")
        if self.pre_roll_ms + self.gate.onset_ms > WARM_UP_FRAMES * FRAME_MS:
            raise ValueError(f"pre_roll_ms must leave room within {WARM_UP_FRAMES * FRAME_MS} ms")
        if self.passage_reach_ms > MAX_REVISION_MS:
            raise ValueError(f"passage_reach_ms must not exceed {MAX_REVISION_MS}")
        if self.cut_window_ms + self.pause_ms > self.max_segment_ms:
            raise ValueError("max_segment_ms must exceed cut_window_ms + pause_ms")


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a channel's audio, by audio clock."""

    start_ms: int
    end_ms: int

    @property
    def duration_ms(self) -> int:
        """Return how long it is."""
        return self.end_ms - self.start_ms


def passage_before(
    span: Span, passage: tuple[Span, ...], config: SegmentConfig
) -> tuple[Span, ...]:
    """Return the passage that a segment goes on; none if it begins another.

    Args:
        span: Of the segment.
        passage: Segments of the passage so far, in order.
        config: How long a passage may be.
    """
    if not passage or len(passage) >= MAX_REVISED_SEGMENTS:
        return ()
    audio_ms = span.duration_ms + sum(other.duration_ms for other in passage)
    is_over = is_passage_over(passage, span.end_ms, config)
    return () if is_over or audio_ms > config.passage_ms else passage


def is_passage_over(passage: tuple[Span, ...], at_ms: int, config: SegmentConfig) -> bool:
    """Return whether no segment that ends at ``at_ms`` or later goes on a passage."""
    return bool(passage) and at_ms - passage[0].start_ms > config.passage_reach_ms


class SegmenterPoint(msgspec.Struct, frozen=True, kw_only=True):
    """State of a channel at an origin of its front end.

    Attributes:
        origin_ms: Audio clock from which frames count.
        is_open: A segment was cut at the origin in mid-speech and goes on.
        is_reported_speech: What the last start or end of speech reported.
        active_from_ms: Activity up to here has been reported.
        last_speech_ms: End of the last speech, -1 before any.
        since_ms: Start of the present state.
        is_fresh: The audio had stopped before it: a segment begins no earlier than the origin.
        passage: Segments of the passage that the next one may go on.
    """

    origin_ms: int = 0
    is_open: bool = False
    is_reported_speech: bool = False
    active_from_ms: int = NEVER_MS
    last_speech_ms: int = NEVER_MS
    since_ms: int = 0
    is_fresh: bool = False
    passage: tuple[Span, ...] = ()

    @property
    def needed_from_ms(self) -> int:
        """Return the audio clock from which a fresh worker needs audio, its warm-up aside."""
        return min([self.origin_ms, *(span.start_ms for span in self.passage[:1])])


@dataclass(frozen=True, slots=True)
class Activity:
    """Speech or silence at an instant; see `schemas.transcripts.SpeechActivity`."""

    kind: Literal["start", "end", "tick", "stall"]
    at_ms: int
    is_speech: bool
    silence_ms: int
    since_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A finished segment.

    Attributes:
        samples: Its audio, 16 kHz, shape (n_samples,).
        passage: Segments before it that it is decoded with.
        context: The audio of those, end to end, 16 kHz, shape (n_samples,).
        is_copied: It is crosstalk, and no speech of the channel's party.
    """

    start_ms: int
    end_ms: int
    at_ms: int
    cut: Cut
    samples: FloatArray
    passage: tuple[Span, ...] = ()
    context: FloatArray = field(default_factory=no_samples)
    is_copied: bool = False


@dataclass(frozen=True, slots=True)
class NewOrigin:
    """The front end starts anew at ``point.origin_ms``; the frames that it made after it are void.

    Attributes:
        at_ms: Audio clock at which this became known.
        point: All that what follows depends on, beside the audio from its origin on.
    """

    at_ms: int
    point: SegmenterPoint


SegmenterEvent = Activity | Segment | NewOrigin
