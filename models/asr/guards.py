"""Hallucination guards: pure functions that refuse or shorten what Whisper hallucinated.

A segment's decode is never prompted with an earlier one's text, so that no segment inherits
another's hallucination: there is no prompt to bound or to reset. Thresholds for no speech follow
openai-whisper's ``transcribe``. Its limit of the compression ratio is not used: 41 % of strings of
48 dictated digits pass it, and up to 1.4 % of stretches of 120 words of real calls.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from models.asr.core.hypothesis import Hypothesis, Word, bare_text
from models.asr.core.spoken import is_spoken, word_count
from models.asr.loops import cut_loops
from models.audio.dtmf import dtmf_share
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.audio.tones import tone_shares
from models.vad.presence import speech_peak

RejectedReason = Literal[
    "quiet", "dtmf", "tone", "no_speech", "improbable", "too_fast", "repetitive"
]

LEVEL_BLOCK_SAMPLES = SAMPLE_RATE_HZ * 64 // 1000
SPARE_WORDS = 3  # a short segment may hold a burst of them
MIN_TRIGRAMS = 12  # fewer tell nothing about repetition

# What Whisper writes over breath, clicks and noise; people say most of it too.
STOCK_PHRASES = frozenset(
    (
        "bye", "bye bye", "hello", "hey", "hi", "huh", "i'm sorry", "oh", "okay", "so", "thank you",
        "thank you for watching", "thank you so much", "thank you very much", "thanks",
        "thanks for watching", "yeah", "yes", "you",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """Limits beyond which words are refused.

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
        few_words: So few words over no more than ``few_words_ms`` are held to the two limits that
            follow: breath, clicks and music give such hypotheses.
        few_words_ms: Longest audio of them.
        few_words_no_speech_probability: Refused above it if the words are improbable as well.
        few_words_log_probability: What counts as improbable for the line above.
        few_words_speech_peak: Refused as well where no frame is speech with this probability, if
            the words are improbable: music that voice activity detection takes for a voice now
            and then. Below it are 5 of 605 pieces of real speech of up to 2 s, of which one loses
            its word.
        few_words_peak_log_probability: What counts as improbable for the line above.
        stock_no_speech_probability: The same for one of `STOCK_PHRASES`.
        stock_log_probability: What counts as improbable for the line above.
        max_words_per_second: Refused above it; some words more are let pass. Three characters
            are a word of a language without spaces.
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
    few_words: int = 3
    few_words_ms: int = 2_000
    few_words_no_speech_probability: float = 0.55
    few_words_log_probability: float = -0.85
    few_words_speech_peak: float = 0.92
    few_words_peak_log_probability: float = -0.45
    stock_no_speech_probability: float = 0.5
    stock_log_probability: float = -0.6
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
    """Return the hypothesis if it passes, else one without words and the reason.

    Args:
        hypothesis: Of these samples.
        samples: Mono at 16 kHz, shape (n_samples,).
        config: Limits.
    """
    if not hypothesis.words:
        return GuardedHypothesis(hypothesis)
    shortened = cut_loops(hypothesis, config.max_repeats)
    reason = (
        audio_reason(samples, config)
        or _lost_reason(hypothesis, shortened)
        or _text_reason(shortened, config)
        or _few_words_reason(shortened, samples, config)
    )
    if reason is None:
        return GuardedHypothesis(shortened)
    empty = msgspec.structs.replace(hypothesis, text="", words=())
    return GuardedHypothesis(empty, reason)


def audio_reason(samples: FloatArray, config: GuardConfig) -> RejectedReason | None:
    """Return why audio is refused whatever its words are; None if it is not."""
    if peak_level_db(samples) < config.min_level_db:
        return "quiet"
    if dtmf_share(samples) > config.max_dtmf_share:
        return "dtmf"
    tones = tone_shares(samples)
    if tones.steady > config.max_steady_share or tones.narrow > config.max_narrow_share:
        return "tone"
    return None


def _lost_reason(hypothesis: Hypothesis, shortened: Hypothesis) -> RejectedReason | None:
    if shortened.words:
        return None
    return "repetitive" if is_spoken(hypothesis.text) else "no_speech"


def _few_words_reason(
    hypothesis: Hypothesis, samples: FloatArray, config: GuardConfig
) -> RejectedReason | None:
    if len(hypothesis.words) > config.few_words or hypothesis.duration_ms > config.few_words_ms:
        return None
    max_no_speech = config.few_words_no_speech_probability
    min_log_probability = config.few_words_log_probability
    if " ".join(map(bare_text, hypothesis.words)) in STOCK_PHRASES:
        max_no_speech = config.stock_no_speech_probability
        min_log_probability = config.stock_log_probability
    log_probability = hypothesis.avg_log_probability
    is_refused = (
        hypothesis.no_speech_probability > max_no_speech and log_probability < min_log_probability
    ) or (
        log_probability < config.few_words_peak_log_probability
        and speech_peak(samples) < config.few_words_speech_peak
    )
    return "no_speech" if is_refused else None


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
    spare = word_count(hypothesis.words, hypothesis.language) - SPARE_WORDS
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
