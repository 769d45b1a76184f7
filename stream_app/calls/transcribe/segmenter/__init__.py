"""The channels of a call, from source audio to segments and speech activity."""

from stream_app.calls.transcribe.segmenter.segments import (
    Activity,
    Cut,
    NewOrigin,
    Segment,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
)

__all__ = [
    "Activity",
    "Cut",
    "NewOrigin",
    "Segment",
    "SegmentConfig",
    "SegmenterEvent",
    "SegmenterPoint",
]
