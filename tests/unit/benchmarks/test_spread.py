"""Figures of repeated measurements."""

import math

import numpy as np

from benchmarks.core.error_rates import error_rate, errors_of, rate_difference
from benchmarks.core.spread import bootstrap_interval, percentiles, spread_of
from models.text.word_errors import WordErrors


def test_percentiles_are_raw_samples_and_never_interpolated() -> None:
    values = [float(n) for n in range(1, 201)]

    found = percentiles(values)

    assert found == {"count": 200, "p50": 100.0, "p95": 190.0, "p99": 198.0, "max": 200.0}


def test_the_p99_of_few_samples_is_the_greatest() -> None:
    assert percentiles([5.0, 1.0, 3.0])["p99"] == 5.0


def test_no_samples_give_no_percentiles() -> None:
    assert percentiles([]) == {"count": 0, "p50": None, "p95": None, "p99": None, "max": None}


def test_a_spread_is_median_and_range() -> None:
    spread = spread_of([3.0, 1.0, 10.0])

    assert (spread.median, spread.low, spread.high, spread.rounds) == (3.0, 1.0, 10.0, 3)
    assert math.isnan(spread_of([]).median)


def test_the_interval_of_equal_items_has_no_width() -> None:
    """Resampling items that are all the same changes nothing."""
    values = np.full(20, 0.25)

    assert bootstrap_interval(20, lambda drawn: float(values[drawn].mean())) == (0.25, 0.25)


def test_the_interval_narrows_with_more_utterances() -> None:
    few = error_rate([WordErrors(n % 2, 1) for n in range(20)])
    many = error_rate([WordErrors(n % 2, 1) for n in range(2_000)])

    assert few.low < 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 4


def test_word_errors_ignore_case_and_punctuation() -> None:
    assert errors_of(("thank", "you", "sarah"), "Thank you, Sara!") == WordErrors(1, 3)


def test_rates_weigh_utterances_by_their_words() -> None:
    rate = error_rate([WordErrors(1, 1), WordErrors(0, 9)])

    assert (rate.rate, rate.words, rate.utterances) == (0.1, 10, 2)


def test_a_difference_is_paired() -> None:
    """Errors that both make in the same utterances leave no doubt about the difference."""
    reference = [WordErrors(n, 10) for n in range(5)]
    worse = [WordErrors(one.errors + 1, 10) for one in reference]

    found = rate_difference(worse, reference)

    assert (found.rate, found.low, found.high) == (0.1, 0.1, 0.1)
