"""Shifts of distributions: chance is none, a change of a fifth is one."""

from __future__ import annotations

import numpy as np
import pytest

from models.classification.live.drift import drift_report, shift
from tests.support.models.classified_calls import answered

LABELS = [f"label {number}" for number in range(40)]


def drawn(random: np.random.Generator, shares: np.ndarray, calls: int) -> dict[str, int]:
    counts = random.multinomial(calls, shares / shares.sum())
    return dict(zip(LABELS, counts.tolist(), strict=True))


@pytest.mark.parametrize(("before", "after"), [(150, 150), (2_000, 60), (5_000, 5_000)])
def test_chance_alone_is_no_shift(before: int, after: int) -> None:
    """Of 300 pairs of windows of one distribution, with 40 labels of which most are rare."""
    random = np.random.default_rng(7)
    shares = 1.0 / np.arange(1, 41)

    found = [shift(drawn(random, shares, before), drawn(random, shares, after)) for _ in range(300)]

    assert sum(each.is_large for each in found) <= 3


def test_one_label_more_for_a_fifth_of_the_calls_is_a_shift() -> None:
    random = np.random.default_rng(8)
    shares = 1.0 / np.arange(1, 41)
    moved = shares / shares.sum() * 0.8
    moved[25] += 0.2

    found = [shift(drawn(random, shares, 600), drawn(random, moved, 300)) for _ in range(100)]

    assert sum(each.is_large for each in found) >= 97


def test_equal_windows_have_no_distance_and_disjoint_ones_the_greatest() -> None:
    same = shift({"a": 300, "b": 700}, {"a": 300, "b": 700})
    other = shift({"a": 100_000}, {"b": 100_000})

    assert (same.psi, same.js_divergence) == (0.0, 0.0)
    assert other.js_divergence == pytest.approx(1.0, abs=1e-3)


def test_the_index_is_the_one_of_the_formula() -> None:
    """The sum of (p - q) ln(p / q); half an answer a kind changes it in the fourth digit."""
    found = shift({"a": 50_000, "b": 50_000}, {"a": 80_000, "b": 20_000})

    expected = (0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert found.psi == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("before", "after"), [({}, {"a": 9}), ({"a": 9}, {}), ({}, {})])
def test_an_empty_window_cannot_be_compared(before: dict[str, int], after: dict[str, int]) -> None:
    found = shift(before, after)

    assert (found.psi, found.is_large) == (0.0, False)


def test_labels_confidences_and_abstentions_are_told_apart() -> None:
    """The labels stay as they were; the confidences fall, and a third is abstained from."""
    before = [answered(f"a{n}", ("Broken", "Late")[n % 2], 0.95) for n in range(300)]
    after = [answered(f"b{n}", ("Broken", "Late")[n % 2], 0.35) for n in range(300)]
    silent = [answered(f"c{n}", abstained="uncertain") for n in range(150)]

    found = drift_report(before, [*after, *silent])

    assert found.large == ("abstentions", "confidences of subject")
    assert found.tasks["subject"].recent_confidences[3] == 300
    assert found.recent_abstentions == {"(none)": 300, "uncertain": 150}
