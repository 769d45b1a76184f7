"""Word errors, runaways and cost of a system on a set, and its comparison with another."""

from collections.abc import Sequence
from typing import Any

from benchmarks.core.error_rates import error_rate, errors_of, rate_difference
from benchmarks.core.held_out_sets import HeldOut
from benchmarks.quality.hearing import Heard
from benchmarks.quality.pieces import Piece
from models.audio.samples import SAMPLE_RATE_HZ, FloatArray
from models.text.scored_words import scored_words
from models.text.word_errors import WordErrors

RUNAWAY_TIMES, RUNAWAY_WORDS = 2, 3


def set_row(
    said: Sequence[HeldOut], parts: Sequence[Sequence[FloatArray]], heard: Sequence[Heard]
) -> tuple[dict[str, Any], list[WordErrors]]:
    """Return the figures of a system on a set, and the errors of each recording.

    Args:
        said: The recordings.
        parts: The audio of each, as it was decoded.
        heard: What the system wrote of each.
    """
    texts = [one.guarded_text(samples) for one, samples in zip(heard, parts, strict=True)]
    errors = [errors_of(one.words, text) for one, text in zip(said, texts, strict=True)]
    unguarded = [errors_of(one.words, each.text) for one, each in zip(said, heard, strict=True)]
    counted = zip(texts, errors, strict=True)
    row: dict[str, Any] = {
        "word_error_rate": error_rate(errors),
        "word_error_rate_without_guards": error_rate(unguarded).rate,
        "runaways": sum(is_runaway(text, each.reference_words) for text, each in counted),
        **_cost([samples for each in parts for samples in each], heard),
    }
    return row, errors


def comparison(errors: Sequence[WordErrors], reference: Sequence[WordErrors]) -> dict[str, Any]:
    """Return how a system does against the first one on the same recordings."""
    rate, of_reference = error_rate(errors).rate, error_rate(reference).rate
    return {
        "difference": rate_difference(errors, reference),
        "ratio": round(rate / of_reference, 4) if of_reference else None,
    }


def piece_figures(pieces: Sequence[Piece], heard: Sequence[Heard]) -> dict[str, Any]:
    """Return the words of pieces against those expected, and which run away."""
    texts = [one.guarded_text([piece.samples]) for one, piece in zip(heard, pieces, strict=True)]
    runaways = [
        text
        for text, piece in zip(texts, pieces, strict=True)
        if is_runaway(text, piece.expected_words)
    ]
    return {
        "pieces": len(pieces),
        "words": sum(len(scored_words(text)) for text in texts),
        "expected_words": round(sum(piece.expected_words for piece in pieces)),
        "runaways": len(runaways),
        "runaway_texts": runaways,
        **_cost([piece.samples for piece in pieces], heard),
    }


def is_runaway(text: str, words: float) -> bool:
    """Return whether a transcript has more than twice the words said, and three."""
    return len(scored_words(text)) > RUNAWAY_TIMES * words + RUNAWAY_WORDS


def _cost(audio: Sequence[FloatArray], heard: Sequence[Heard]) -> dict[str, float]:
    audio_s = sum(map(len, audio)) / SAMPLE_RATE_HZ
    decode_s = sum(one.decode_s for one in heard)
    return {
        "audio_s": round(audio_s, 1),
        "decode_s": round(decode_s, 2),
        "cpu_s_per_audio_s": round(decode_s / audio_s, 5) if audio_s else 0.0,
    }
