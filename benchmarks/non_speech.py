"""Words that the live path hears where nobody speaks, and those its guards take from speech."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from models.asr.engine import SpeechEngine, SpeechRequest
from models.asr.guards import DEFAULT_GUARDS, GuardConfig, apply_guards
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.vad.front_end import ChannelFrontEnd
from models.vad.silero import SpeechDetector
from stream_app.calls.channel import Channel
from stream_app.calls.segmenter import Segment, SegmentConfig, SegmenterEvent, SegmenterPoint

SOURCE_RATE_HZ = 8_000
CHUNK_SAMPLES = SOURCE_RATE_HZ // 10


@dataclass(slots=True)
class HeardWords:
    """What became of some audio on its way through the live path.

    Attributes:
        audio_ms: Of the source.
        segments: How many the voice activity detection let through.
        segment_ms: Their duration.
        words: That the guards let through.
        texts: Of the segments with such words, with the kind of audio.
        rejected: Segments that each guard emptied.
        words_taken: Words that the guards took away.
    """

    audio_ms: int = 0
    segments: int = 0
    segment_ms: int = 0
    words: int = 0
    words_taken: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


def segments_of(
    samples: FloatArray, vad: SpeechDetector, config: SegmentConfig
) -> Iterator[Segment]:
    """Yield the segments that the live front end cuts from a channel, in chunks of 100 ms.

    Args:
        samples: Mono at 8 kHz, shape (n_samples,).
        vad: Voice activity model.
        config: How the channel is cut.
    """
    front_end = ChannelFrontEnd(SOURCE_RATE_HZ, vad)
    channel = Channel(front_end, SOURCE_RATE_HZ, config, SegmenterPoint())
    events: list[SegmenterEvent] = []
    for start in range(0, len(samples), CHUNK_SAMPLES):
        events.extend(channel.insert(start, samples[start : start + CHUNK_SAMPLES]))
    events.extend(channel.close("end", len(samples)))
    yield from (event for event in events if isinstance(event, Segment))


def hear_words(
    clips: Iterable[tuple[str, FloatArray]],
    engine: SpeechEngine,
    vad: SpeechDetector,
    *,
    config: SegmentConfig | None = None,
    guards: GuardConfig = DEFAULT_GUARDS,
) -> HeardWords:
    """Return what the live path makes of some clips: front end, segments, engine, guards.

    Args:
        clips: Kind and mono samples at 8 kHz; each its own call.
        engine: Decodes the segments.
        vad: Voice activity model.
        config: How channels are cut; by default as long as the engine's weights decode well.
        guards: Limits of belief.
    """
    if config is None:
        longest_ms = engine.max_segment_ms or SegmentConfig().max_segment_ms
        config = SegmentConfig(max_segment_ms=min(longest_ms, SegmentConfig().max_segment_ms))
    heard = HeardWords()
    for kind, samples in clips:
        heard.audio_ms += len(samples) * 1000 // SOURCE_RATE_HZ
        for segment in segments_of(samples, vad, config):
            _count(heard, kind, segment.samples, engine, guards)
    return heard


def _count(
    heard: HeardWords, kind: str, samples: FloatArray, engine: SpeechEngine, guards: GuardConfig
) -> None:
    """Decode a segment as `recognition.recognize` does and count what the guards leave of it."""
    (hypothesis,) = engine.transcribe_batch([SpeechRequest(samples)])
    guarded = apply_guards(hypothesis, samples, guards)
    words = guarded.hypothesis.words
    heard.segments += 1
    heard.segment_ms += len(samples) * 1000 // SAMPLE_RATE_HZ
    heard.words += len(words)
    heard.words_taken += len(hypothesis.words) - len(words)
    if words:
        heard.texts.append((kind, guarded.hypothesis.text))
    if guarded.rejected_reason is not None:
        heard.rejected[guarded.rejected_reason] += 1
