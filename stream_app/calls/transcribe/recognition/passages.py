"""A segment decoded together with the segments before it in its passage."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import msgspec
import numpy as np

from models.asr.core.hypothesis import Hypothesis, Word, compression_ratio, kept_text
from models.asr.guards import GuardConfig, apply_guards, audio_reason
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from stream_app.calls.transcribe.segmenter.segments import Span

LATE_MS = 224  # a word may seem to end this far within the pre-roll of the next segment


@dataclass(frozen=True, slots=True)
class RevisedHypothesis:
    """What an earlier segment of a passage says, as heard with the segments after it.

    Attributes:
        span: Of the segment.
        hypothesis: Word times relative to its first sample.
    """

    span: Span
    hypothesis: Hypothesis


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """Segments to decode together.

    Attributes:
        spans: Of the earlier ones that belong in it.
        samples: Audio of these and of the last one, end to end, 16 kHz, shape (n_samples,).
        last_ms: Duration of the last one.
    """

    spans: tuple[Span, ...]
    samples: FloatArray
    last_ms: int

    def accepted(self, decoded: Hypothesis, guards: GuardConfig) -> list[Hypothesis] | None:
        """Return what each of its segments says; None where the guards object to the whole.

        Args:
            decoded: Of the samples.
            guards: Limits of belief.
        """
        guarded = apply_guards(decoded, self.samples, guards)
        is_changed = guarded.hypothesis is not decoded
        if not decoded.words or decoded.is_cut_short or guarded.rejected_reason or is_changed:
            return None
        durations = [*(span.duration_ms for span in self.spans), self.last_ms]
        return divided(decoded, durations)


def make_passage(
    spans: tuple[Span, ...], context: FloatArray, samples: FloatArray, guards: GuardConfig
) -> Passage | None:
    """Return the passage of a segment; None where it is to be decoded alone.

    Audio that a guard refuses for itself, such as pressed keys, is no part of a passage.

    Args:
        spans: Of the segments before it.
        context: Their audio, end to end, 16 kHz.
        samples: Its own audio.
        guards: Limits of belief.
    """
    if not spans or audio_reason(samples, guards):
        return None
    ends = [end * SAMPLE_RATE_HZ // 1000 for end in accumulate(s.duration_ms for s in spans)]
    parts = np.split(context, ends[:-1])
    heard = [
        (span, part)
        for span, part in zip(spans, parts, strict=True)
        if not audio_reason(part, guards)
    ]
    if not heard:
        return None
    audio = np.concatenate([*(part for _, part in heard), samples])
    last_ms = len(samples) * 1000 // SAMPLE_RATE_HZ
    return Passage(tuple(span for span, _ in heard), audio, last_ms)


def divided(decoded: Hypothesis, durations_ms: list[int]) -> list[Hypothesis]:
    """Return the hypothesis of each part of its audio: a word belongs to the part it ends in.

    Ends of words are more reliable than their begins, which may reach back into a pause.

    Args:
        decoded: Of all parts.
        durations_ms: Of the parts, in order.
    """
    starts = [0, *accumulate(durations_ms)]
    bounds = [start + LATE_MS for start in starts[1:-1]]
    words: list[list[Word]] = [[] for _ in durations_ms]
    first = 0
    for word in decoded.words:
        first = max(first, bisect_right(bounds, word.end_ms))
        words[first].append(word)
    parts = []
    cursor = 0
    for own, start, duration_ms in zip(words, starts[:-1], durations_ms, strict=True):
        text = kept_text(decoded.text[cursor:], tuple(own))
        parts.append(_part(decoded, text, own, (start, duration_ms)))
        for word in own:
            cursor = max(decoded.text.find(word.text, cursor), cursor) + len(word.text)
    return parts


def _part(
    decoded: Hypothesis, text: str, words: list[Word], place_ms: tuple[int, int]
) -> Hypothesis:
    start_ms, duration_ms = place_ms
    moved = tuple(
        msgspec.structs.replace(
            word,
            start_ms=min(max(word.start_ms - start_ms, 0), duration_ms),
            end_ms=min(max(word.end_ms - start_ms, 0), duration_ms),
        )
        for word in words
    )
    return msgspec.structs.replace(
        decoded,
        text=text,
        words=moved,
        duration_ms=duration_ms,
        compression_ratio=compression_ratio(text),
        tokens=(),
    )
