"""Hallucination guards: pure functions that refuse or shorten what Whisper made up.

Thresholds for no speech and compression follow openai-whisper's ``transcribe``.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from models.asr.hypothesis import Hypothesis, Word, bare_text, compression_ratio, kept_text
from models.audio.dtmf import dtmf_share
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray, rms_level

RejectedReason = Literal["quiet", "dtmf", "no_speech", "improbable", "repetitive"]

LEVEL_BLOCK_SAMPLES = SAMPLE_RATE_HZ * 64 // 1000
MAX_NGRAM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """Limits beyond which words are not believed.

    Attributes:
        min_level_db: Level of the loudest 64 ms, relative to full scale.
        max_dtmf_share: Share of the audio's energy that is keys being pressed.
        max_no_speech_probability: Refused above it, whatever the words.
        doubtful_no_speech_probability: Refused above it if the words are improbable as well.
        doubtful_log_probability: What counts as improbable for the line above.
        min_log_probability: Refused below it, whatever else.
        max_compression_ratio: Of the text after loops were cut.
        max_repeats: A word may come so often in a row (digits do); longer n-grams half as often.
    """

    min_level_db: float = -60.0
    max_dtmf_share: float = 0.5
    max_no_speech_probability: float = 0.97
    doubtful_no_speech_probability: float = 0.6
    doubtful_log_probability: float = -1.0
    min_log_probability: float = -3.0
    max_compression_ratio: float = 2.4
    max_repeats: int = 8


DEFAULT_GUARDS = GuardConfig()


@dataclass(frozen=True, slots=True)
class GuardedHypothesis:
    """A hypothesis after the guards.

    Attributes:
        hypothesis: Without words if rejected, shortened if there was a loop.
        rejected_reason: The guard that took the words away; None if they stand.
    """

    hypothesis: Hypothesis
    rejected_reason: RejectedReason | None = None


def apply_guards(
    hypothesis: Hypothesis, samples: FloatArray, config: GuardConfig
) -> GuardedHypothesis:
    """Return the hypothesis if it is believed, else one without words and the reason.

    Args:
        hypothesis: Of these samples.
        samples: Mono at 16 kHz, shape (n_samples,).
        config: Limits.
    """
    if not hypothesis.words:
        return GuardedHypothesis(hypothesis)
    shortened = cut_loops(hypothesis, config.max_repeats)
    reason = _audio_reason(samples, config) or _text_reason(shortened, config)
    if reason is None:
        return GuardedHypothesis(shortened)
    empty = msgspec.structs.replace(hypothesis, text="", words=())
    return GuardedHypothesis(empty, reason)


def _audio_reason(samples: FloatArray, config: GuardConfig) -> RejectedReason | None:
    if peak_level_db(samples) < config.min_level_db:
        return "quiet"
    if dtmf_share(samples) > config.max_dtmf_share:
        return "dtmf"
    return None


def _text_reason(hypothesis: Hypothesis, config: GuardConfig) -> RejectedReason | None:
    log_probability = hypothesis.avg_log_probability
    no_speech_probability = hypothesis.no_speech_probability
    is_doubtful = log_probability < config.doubtful_log_probability
    if no_speech_probability > config.max_no_speech_probability or (
        is_doubtful and no_speech_probability > config.doubtful_no_speech_probability
    ):
        return "no_speech"
    if log_probability < config.min_log_probability:
        return "improbable"
    if hypothesis.compression_ratio > config.max_compression_ratio:
        return "repetitive"
    return None


def peak_level_db(samples: FloatArray) -> float:
    """Return the level of the loudest 64 ms relative to full scale; -inf for digital silence."""
    padded = np.pad(samples, (0, -len(samples) % LEVEL_BLOCK_SAMPLES))
    blocks = padded.reshape(-1, LEVEL_BLOCK_SAMPLES)
    loudest = max((rms_level(block) for block in blocks), default=0.0)
    return 20 * float(np.log10(loudest)) if loudest else -np.inf


def cut_loops(hypothesis: Hypothesis, max_repeats: int) -> Hypothesis:
    """Return the hypothesis with each n-gram loop shortened to one round.

    Args:
        hypothesis: Words may repeat.
        max_repeats: A word in a row more often than this is a loop; longer n-grams half as often.
    """
    words = without_loops(hypothesis.words, max_repeats)
    if len(words) == len(hypothesis.words):
        return hypothesis
    text = kept_text(hypothesis.text, words)
    return msgspec.structs.replace(
        hypothesis, text=text, words=words, compression_ratio=compression_ratio(text)
    )


def without_loops(words: tuple[Word, ...], max_repeats: int) -> tuple[Word, ...]:
    """Return the words with each n-gram loop shortened to one round, the shortest n-grams first."""
    for size in range(1, MAX_NGRAM + 1):
        limit = max_repeats if size == 1 else max(max_repeats // 2, 2)
        kept: list[Word] = []
        position = 0
        spelled = [bare_text(word) for word in words]
        while position < len(words):
            rounds = _rounds(spelled, position, size)
            kept.extend(words[position : position + (size if rounds > limit else 1)])
            position += size * rounds if rounds > limit else 1
        words = tuple(kept)
    return words


def _rounds(spelled: list[str], start: int, size: int) -> int:
    """Return how often the n-gram at ``start`` comes in a row."""
    rounds = 1
    following = start + size
    while spelled[following : following + size] == spelled[start : start + size]:
        rounds += 1
        following += size
    return rounds
