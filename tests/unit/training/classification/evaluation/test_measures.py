from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (  # type: ignore[import-untyped]
    accuracy_score,
    f1_score,
    precision_recall_fscore_support,
)

from models.classification.windows import window_starts
from training.classification.evaluation.abstention import NONE, least_threshold, thresholds
from training.classification.evaluation.measures import (
    Answers,
    mean_accuracy,
    measure,
    measure_label,
)

NAMES = ("a", "b", "c", "d")


def single(rows: int = 300, seed: int = 0) -> tuple[Answers, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    has = random.choice(4, rows, p=[0.6, 0.3, 0.08, 0.02])
    given = np.where(random.random(rows) < 0.7, has, random.integers(0, 4, rows))
    answers = Answers(np.eye(4, dtype=bool)[given], np.eye(4, dtype=bool)[has], np.arange(rows))
    return answers, given, has


def test_figures_are_those_of_scikit_learn() -> None:
    answers, given, has = single()

    found = measure("t", NAMES, answers, resamples=100)

    assert found.accuracy.value == pytest.approx(accuracy_score(has, given), abs=1e-5)
    for kind in ("micro", "macro", "weighted"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            has, given, average=kind, zero_division=0.0
        )
        assert getattr(found, f"{kind}_f1").value == pytest.approx(f1, abs=1e-5)
        assert getattr(found, f"{kind}_precision") == pytest.approx(precision, abs=1e-5)
        assert getattr(found, f"{kind}_recall") == pytest.approx(recall, abs=1e-5)
    each = f1_score(has, given, average=None)
    assert [label.f1 for label in found.labels] == pytest.approx(list(each), abs=1e-5)


def test_several_labels_a_row_are_right_only_together() -> None:
    given = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], bool)
    has = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], bool)

    found = measure("t", NAMES[:3], Answers(given, has, np.arange(3)), resamples=100)

    assert found.accuracy.value == pytest.approx(2 / 3, abs=1e-5)
    assert found.micro_f1.value == pytest.approx(2 * 4 / (4 + 5), abs=1e-5)
    assert found.labels[2].recall == 0.5


def test_intervals_hold_the_figure_and_narrow_with_more_rows() -> None:
    small, large = (
        measure("t", NAMES, single(rows)[0], resamples=400).accuracy for rows in (100, 4000)
    )

    for figure in (small, large):
        assert figure.low < figure.value < figure.high
    assert large.high - large.low < 0.3 * (small.high - small.low)


def test_rows_of_a_group_are_drawn_together() -> None:
    """Ten copies of each call say no more than the calls: the interval stays as wide."""
    answers, _, _ = single(100)
    copies = Answers(
        np.repeat(answers.given, 10, axis=0),
        np.repeat(answers.has, 10, axis=0),
        np.repeat(answers.groups, 10),
    )

    once, ten = (measure("t", NAMES, each, resamples=800).accuracy for each in (answers, copies))

    assert ten.value == once.value
    assert ten.high - ten.low == pytest.approx(once.high - once.low, rel=0.2)


def test_a_few_calls_that_are_all_right_do_not_show_that_every_call_is() -> None:
    each = np.eye(4, dtype=bool)[np.zeros(24, int)]

    found = measure("t", NAMES, Answers(each, each, np.arange(24)), resamples=100).accuracy

    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.85 < found.low < 0.87


def test_labels_that_no_row_has_do_not_count_among_the_labels() -> None:
    """They cost the precision of nothing, but the recall of what they were given instead of."""
    has, given = np.eye(4, dtype=bool)[[0, 0, 1, 1]], np.eye(4, dtype=bool)[[0, 3, 1, 1]]

    found = measure("t", NAMES, Answers(given, has, np.arange(4)), resamples=100)

    assert found.macro_f1.value == pytest.approx((2 / 3 + 1) / 2, abs=1e-5)


def test_a_label_is_a_target_of_its_own() -> None:
    answers, given, has = single()

    recall = measure_label(answers, 1, is_recall=True, resamples=200)
    precision = measure_label(answers, 1, is_recall=False, resamples=200)

    assert recall.value == pytest.approx((given[has == 1] == 1).mean(), abs=1e-5)
    assert precision.value == pytest.approx((has[given == 1] == 1).mean(), abs=1e-5)
    assert recall.low <= recall.value <= recall.high


def test_the_mean_over_tasks_counts_each_task_alike() -> None:
    one, other = single(300, 1)[0], single(30, 2)[0]
    accuracies = [measure("t", NAMES, each, resamples=100).accuracy.value for each in (one, other)]

    found = mean_accuracy([one, other], resamples=100)

    assert found.value == pytest.approx(sum(accuracies) / 2, abs=1e-5)


def test_a_threshold_trades_coverage_for_accuracy() -> None:
    confidence = np.array([0.95, 0.9, 0.8, 0.6, 0.3])
    is_right = np.array([True, True, True, False, False])

    curve = thresholds(confidence, is_right)

    at = {each.confidence: each for each in curve}
    assert (at[0.0].coverage, at[0.0].accuracy) == (1.0, 0.6)
    assert (at[0.7].coverage, at[0.7].accuracy) == (0.6, 1.0)
    assert least_threshold(curve, 0.75) == 0.35
    assert least_threshold(curve, 1.0) == 0.65
    assert least_threshold(thresholds(confidence, ~is_right), 0.9) == NONE


@pytest.mark.parametrize(
    ("tokens", "starts"), [(5, [0]), (10, [0]), (11, [0, 1]), (24, [0, 7, 14])]
)
def test_windows_cover_a_call_and_the_last_ends_with_it(tokens: int, starts: list[int]) -> None:
    assert window_starts(tokens, room=10, overlap=3) == starts
