"""Hallucination guards: pure functions that refuse or shorten what Whisper made up.

A segment's decode is never prompted with an earlier one's text, so what one segment makes up no
other inherits: there is no prompt to bound or to reset. Thresholds for no speech follow
openai-whisper's ``transcribe``. Its limit of the compression ratio is not used: 41 % of strings
of 48 dictated digits pass it, and up to 1.4 % of stretches of 120 words of real calls.
"""

import re
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from models.asr.hypothesis import Hypothesis, Word, bare_text, compression_ratio, kept_text
from models.audio.dtmf import dtmf_share
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.audio.tones import tone_shares

RejectedReason = Literal[
    "quiet", "dtmf", "tone", "no_speech", "improbable", "too_fast", "repetitive"
]

LEVEL_BLOCK_SAMPLES = SAMPLE_RATE_HZ * 64 // 1000
MAX_NGRAM = 6
SPARE_WORDS = 3  # a short segment may hold a burst of them
MIN_TRIGRAMS = 12  # fewer tell nothing about repetition

# Letters only: what people dictate repeats digits. "hahahaha" stays.
_LETTER_LOOP = re.compile(r"([^\W\d_])\1{3,}")
_SYLLABLE_LOOP = re.compile(r"([^\W\d_]{2,4}?)\1{4,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """Limits beyond which words are not believed.

    Attributes:
        min_level_db: Level of the loudest 64 ms, relative to full scale.
        max_dtmf_share: Share of the audio's energy that is keys being pressed.
        max_steady_share: Share of its energy in tones that stand still: ringback, busy, hum, held
            notes. At most 0.58 for 1,559 segments of speech, each with a tone as loud as the voice.
        max_narrow_share: Share of it in 400 Hz above 800 Hz: fax, modems, beeps. At most 0.55 for
            those segments, 0.76 with a tone of 1 kHz as loud as the voice; at least 0.81 for a fax.
        max_no_speech_probability: Refused above it, whatever the words.
        doubtful_no_speech_probability: Refused above it if the words are improbable as well.
        doubtful_log_probability: What counts as improbable for the line above.
        min_log_probability: Refused below it, whatever else.
        max_words_per_second: Refused above it; some words more are let pass.
        min_distinct_trigrams: Share of three words in a row that come once, after loops were cut;
            at least 0.61 in 45,000 stretches of ten and more words of real calls.
        max_repeats: A word may come so often in a row (digits do); longer n-grams half as often.
    """

    min_level_db: float = -60.0
    max_dtmf_share: float = 0.5
    max_steady_share: float = 0.7
    max_narrow_share: float = 0.78
    max_no_speech_probability: float = 0.97
    doubtful_no_speech_probability: float = 0.6
    doubtful_log_probability: float = -1.0
    min_log_probability: float = -2.0
    max_words_per_second: float = 10.0
    min_distinct_trigrams: float = 0.4
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
    tones = tone_shares(samples)
    if tones.steady > config.max_steady_share or tones.narrow > config.max_narrow_share:
        return "tone"
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
    spare = len(hypothesis.words) - SPARE_WORDS
    if spare * 1000 > config.max_words_per_second * max(hypothesis.duration_ms, 1):
        return "too_fast"
    if distinct_trigrams(hypothesis.words) < config.min_distinct_trigrams:
        return "repetitive"
    return None


def peak_level_db(samples: FloatArray) -> float:
    """Return the level of the loudest 64 ms relative to full scale; -inf for digital silence."""
    padded = np.pad(samples, (0, -len(samples) % LEVEL_BLOCK_SAMPLES))
    blocks = padded.reshape(-1, LEVEL_BLOCK_SAMPLES)
    loudest = float(np.einsum("ij,ij->i", blocks, blocks).max(initial=0.0)) / LEVEL_BLOCK_SAMPLES
    return 10 * float(np.log10(loudest)) if loudest else -np.inf


def distinct_trigrams(words: tuple[Word, ...]) -> float:
    """Return the share of three words in a row that come once; 1 for too few words to tell."""
    spelled = [bare_text(word) for word in words]
    trigrams = list(zip(spelled, spelled[1:], spelled[2:], strict=False))
    return len(set(trigrams)) / len(trigrams) if len(trigrams) >= MIN_TRIGRAMS else 1.0


def cut_loops(hypothesis: Hypothesis, max_repeats: int) -> Hypothesis:
    """Return the hypothesis with each loop shortened to one round: of n-grams, and inside words.

    Args:
        hypothesis: Words may repeat.
        max_repeats: A word in a row more often than this is a loop; longer n-grams half as often.
    """
    spelled = tuple(_with_text(word, cut_inner_loops(word.text)) for word in hypothesis.words)
    words = without_loops(spelled, max_repeats)
    if words == hypothesis.words:
        return hypothesis
    text = kept_text(cut_inner_loops(hypothesis.text), words)
    return msgspec.structs.replace(
        hypothesis, text=text, words=words, compression_ratio=compression_ratio(text)
    )


def cut_inner_loops(text: str) -> str:
    """Return the text without loops inside its words: "lalalalalala" is "la", "ooffffff" "ooff"."""
    cut = _SYLLABLE_LOOP.sub(r"\1", _LETTER_LOOP.sub(r"\1\1", text))
    return cut if cut == text else cut_inner_loops(cut)


def _with_text(word: Word, text: str) -> Word:
    return word if text == word.text else msgspec.structs.replace(word, text=text)


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
