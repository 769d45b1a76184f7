"""Word error rates with confidence intervals, over utterances."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from benchmarks.core.spread import bootstrap_interval, grouped_bootstrap_interval
from models.text.scored_words import scored_words
from models.text.word_errors import WordErrors, word_errors


class ErrorRate(msgspec.Struct, frozen=True):
    """A word error rate and its 95 % interval, resampled over utterances."""

    rate: float
    low: float
    high: float
    utterances: int
    words: int


class MeanRatio(msgspec.Struct, frozen=True):
    """The geometric mean over sets of an error rate to another one, and its 95 % interval."""

    mean: float
    low: float
    high: float
    sets: int


def errors_of(words: Sequence[str], heard: str) -> WordErrors:
    """Return the errors of a text against the words said, both as `scored_words` has them."""
    return word_errors(scored_words(" ".join(words)), scored_words(heard))


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


def mean_ratio(pairs: Sequence[tuple[Sequence[WordErrors], Sequence[WordErrors]]]) -> MeanRatio:
    """Return the geometric mean of the ratios of two error rates, resampled within each set.

    Args:
        pairs: For each set the errors of its recordings, and the other errors of the same ones.
    """
    wrong = [
        tuple(np.array([one.errors for one in errors], dtype=np.float64) for errors in pair)
        for pair in pairs
    ]

    def mean(rows: Sequence[tuple[np.ndarray, ...]]) -> float:
        ratios = [float(own.sum() / max(other.sum(), 1.0)) for own, other in rows]
        return math.exp(sum(map(math.log, ratios)) / len(ratios)) if all(ratios) else 0.0

    low, high = grouped_bootstrap_interval(
        [len(own) for own, _ in pairs],
        lambda drawn: mean(
            [(own[n], other[n]) for (own, other), n in zip(wrong, drawn, strict=True)]
        ),
    )
    found = mean(wrong) if wrong else math.nan
    return MeanRatio(round(found, 4), round(low, 4), round(high, 4), len(pairs))
