"""Word error rates with confidence intervals, over utterances."""

from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.spread import bootstrap_interval
from stream_app.demo.word_errors import WordErrors, normalised_words, word_errors


class ErrorRate(msgspec.Struct, frozen=True):
    """A word error rate and its 95 % interval, resampled over utterances."""

    rate: float
    low: float
    high: float
    utterances: int
    words: int


def errors_of(words: Sequence[str], heard: str) -> WordErrors:
    """Return the errors of a text against the words said, without case and punctuation."""
    return word_errors(normalised_words(" ".join(words)), normalised_words(heard))


def error_rate(errors: Sequence[WordErrors]) -> ErrorRate:
    """Return the rate over all utterances; of none it is nan."""
    wrong = np.array([one.errors for one in errors], dtype=np.float64)
    words = np.array([one.reference_words for one in errors], dtype=np.float64)
    total = float(words.sum())
    if not total:
        return ErrorRate(float("nan"), float("nan"), float("nan"), len(errors), 0)
    low, high = bootstrap_interval(
        len(errors), lambda drawn: float(wrong[drawn].sum() / max(words[drawn].sum(), 1.0))
    )
    rate = float(wrong.sum()) / total
    return ErrorRate(round(rate, 4), round(low, 4), round(high, 4), len(errors), int(total))


def rate_difference(errors: Sequence[WordErrors], reference: Sequence[WordErrors]) -> ErrorRate:
    """Return how much higher the rate is than another one of the same utterances, paired."""
    extra = [
        WordErrors(one.errors - other.errors, one.reference_words)
        for one, other in zip(errors, reference, strict=True)
    ]
    return error_rate(extra)
