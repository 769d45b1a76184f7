"""Settings of how speech is cut into segments."""

from typing import Self

from pydantic import Field, model_validator

from schemas.transcripts import MAX_REVISION_MS
from stream_app.settings.part import Part


class SegmentSettings(Part):
    """How speech is cut into segments.

    Attributes:
        pause_ms: Silence that ends a segment.
        max_segment_ms: A segment is cut before it gets longer.
        pre_roll_ms: Audio kept from before the first speech.
        passage_ms: Segments of a party that follow on each other are decoded together, up to this
            much audio: each final revises what was heard before it; 0: each alone.
        passage_reach_ms: Longest time from the start of the first to the end of the last of them.
            A call is read again from there after a crash.
    """

    pause_ms: int = Field(default=400, ge=100)
    max_segment_ms: int = Field(default=12_000, ge=2_000, le=28_000)
    pre_roll_ms: int = Field(default=256, ge=0, le=400)
    passage_ms: int = Field(default=12_000, ge=0, le=28_000)
    passage_reach_ms: int = Field(default=20_000, ge=0, le=MAX_REVISION_MS)

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.pre_roll_ms > self.pause_ms:
            raise ValueError("pre_roll_ms must not exceed pause_ms")
        if self.max_segment_ms < self.pause_ms + 2_000:
            raise ValueError("max_segment_ms must exceed pause_ms by 2000")
        return self
