"""Sound without words as the live path hears it, and the words that it becomes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import soxr

from models.asr.core.hypothesis import Hypothesis
from models.asr.guards import DEFAULT_GUARDS, apply_guards
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.vad.front_end import ChannelFrontEnd
from models.vad.silero import SpeechDetector
from stream_app.calls.transcribe.segmenter import (
    Segment,
    SegmentConfig,
    SegmenterEvent,
    SegmenterPoint,
)
from stream_app.calls.transcribe.segmenter.channel import Channel
from training.asr.speech.non_speech import NonSpeechClip, loudest_stretches

SOURCE_RATE_HZ = 8_000
CHUNK_SAMPLES = SOURCE_RATE_HZ // 10


class Sound(NamedTuple):
    """Audio to decode in which nobody speaks.

    Attributes:
        kind: Of its clip.
        samples: Mono at 16 kHz.
    """

    kind: str
    samples: FloatArray


def segments_of(
    samples: FloatArray, vad: SpeechDetector, config: SegmentConfig
) -> Iterator[Segment]:
    """Yield the segments that the live front end cuts from a channel, in chunks of 100 ms.

    Args:
        samples: Mono at 8 kHz, shape (n_samples,).
        vad: Voice activity model of that rate: the live path scores such audio as it is.
        config: How the channel is cut.
    """
    assert vad.sample_rate_hz == SOURCE_RATE_HZ
    front_end = ChannelFrontEnd(SOURCE_RATE_HZ, vad)
    channel = Channel(front_end, SOURCE_RATE_HZ, config, SegmenterPoint())
    events: list[SegmenterEvent] = []
    for start in range(0, len(samples), CHUNK_SAMPLES):
        events.extend(channel.insert(start, samples[start : start + CHUNK_SAMPLES]))
    events.extend(channel.close("end", len(samples)))
    yield from (event for event in events if isinstance(event, Segment))


def detected_sounds(
    clips: Iterable[NonSpeechClip], vad: SpeechDetector, config: SegmentConfig
) -> list[Sound]:
    """Return what voice activity detection takes for speech, each clip its own call."""
    return [
        Sound(clip.kind, segment.samples)
        for clip in clips
        for segment in segments_of(clip.samples, vad, config)
    ]


def undetected_sounds(clips: Iterable[NonSpeechClip]) -> list[Sound]:
    """Return the loudest stretches of clips: what reached the decoder without detection."""
    return [Sound(each.kind, _wide(each.samples)) for each in loudest_stretches(clips)]


def _wide(samples: FloatArray) -> FloatArray:
    wide = soxr.resample(samples, SOURCE_RATE_HZ, SAMPLE_RATE_HZ, "HQ")
    return np.asarray(wide, dtype=np.float32)


def word_figures(sounds: Sequence[Sound], heard: Sequence[Hypothesis]) -> dict[str, Any]:
    """Return the words that the guards let through, and what they refused.

    Args:
        sounds: That were decoded.
        heard: The hypothesis of each, before the guards.
    """
    guarded = [
        (sound.kind, hypothesis, apply_guards(hypothesis, sound.samples, DEFAULT_GUARDS))
        for sound, hypothesis in zip(sounds, heard, strict=True)
    ]
    by_kind: Counter[str] = Counter()
    for kind, _, left in guarded:
        by_kind[kind] += len(left.hypothesis.words)
    words = by_kind.total()
    reasons = Counter(each.rejected_reason for *_, each in guarded if each.rejected_reason)
    return {
        "decodes": len(sounds),
        "words": words,
        "words_by_kind": {kind: count for kind, count in sorted(by_kind.items()) if count},
        "words_taken_by_guards": sum(len(each.words) for _, each, _ in guarded) - words,
        "rejected": dict(reasons),
        "texts": [
            (kind, each.hypothesis.text) for kind, _, each in guarded if each.hypothesis.words
        ],
    }
