"""Metrics of analyses against cases that were computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.analytics.analysis import Judgement
from models.analytics.guide import load_guide
from tests.support.analytics.analysed_calls import NONE, analysis, answered, choice, rating
from training.analytics.measures.metrics import METRICS, measure

if TYPE_CHECKING:
    from models.analytics.analysis import Analysis
    from training.analytics.measures.findings import Answered

GUIDE = load_guide("contact-centre")
YES, NO = Judgement(answer="yes"), Judgement(answer="no")
COUNTS = {metric.name: metric.counts for metric in METRICS}


def counts(metric: str, target: Analysis, given: Analysis | None) -> tuple[float, float]:
    return COUNTS[metric](answered(target, given), GUIDE)


def figure(metric: str, calls: list[Answered]) -> float:
    measured = measure(
        [COUNTS[metric](each, GUIDE) for each in calls],
        [each.example.id for each in calls],
        resamples=200,
    )
    assert measured is not None
    return measured[0].value


@pytest.mark.parametrize(
    ("metric", "task", "wanted", "given", "right"),
    [
        ("quality_within_10", "quality", 70, 80, 1),
        ("quality_within_10", "quality", 70, 60, 1),
        ("quality_within_10", "quality", 70, 85, 0),
        ("csat_within_15", "csat", 60, 75, 1),
        ("csat_within_15", "csat", 60, 80, 0),
        ("churn_band_accuracy", "churn", 40, 65, 1),
        ("churn_band_accuracy", "churn", 40, 35, 0),
        ("churn_band_accuracy", "churn", 70, 100, 1),
        ("effectiveness_accuracy", "quality", 85, 100, 1),
        ("effectiveness_accuracy", "quality", 85, 80, 0),
    ],
)
def test_a_score_counts_by_its_distance_or_its_band(
    metric: str, task: str, wanted: int, given: int, right: int
) -> None:
    target, found = analysis(**{task: rating(wanted)}), analysis(**{task: rating(given)})

    assert counts(metric, target, found) == (right, 1)


@pytest.mark.parametrize("metric", ["quality_within_10", "churn_band_accuracy", "journey_accuracy"])
def test_nulls_count_among_nulls_alone(metric: str) -> None:
    """A target without a value is not in the accuracy, whatever was answered."""
    full = analysis(quality=rating(70), churn=rating(10), journey=choice("complaint"))

    assert counts(metric, analysis(), full) == (0, 0)
    assert counts(metric, analysis(), analysis()) == (0, 0)
    assert counts(metric, full, analysis()) == (0, 1)
    assert counts(metric, full, full) == (1, 1)


@pytest.mark.parametrize(
    ("wanted", "given", "expected"),
    [
        (None, None, (2 * 7, 7 + 7)),  # all seven tasks are null, and were
        (None, "billing", (2 * 6, 6 + 7)),
        ("billing", None, (2 * 6, 7 + 6)),
        ("billing", "billing", (2 * 6, 6 + 6)),
    ],
)
def test_nulls_have_an_f1_of_their_own(
    wanted: str | None, given: str | None, expected: tuple[int, int]
) -> None:
    target, found = (analysis(category=name and choice(name)) for name in (wanted, given))

    assert counts("null_f1", target, found) == expected


def test_an_answer_that_is_missing_is_no_null() -> None:
    assert counts("null_f1", analysis(), None) == (0, 7)


def test_coaching_counts_the_planted_fault_and_recommendations_where_none_was_planted() -> None:
    rude, jargon = choice("rude"), choice("jargon")
    calls = [
        answered(analysis(faults=(rude,)), analysis(faults=(rude,)), name="right"),
        answered(analysis(faults=(rude,)), analysis(faults=(jargon,)), name="another"),
        answered(analysis(), analysis(faults=(jargon,)), name="none planted"),
        answered(analysis(), analysis(), name="none, none"),
    ]

    assert figure("coaching_f1", calls) == pytest.approx(2 * 1 / (3 + 2))
    assert figure("faults_exact", calls) == pytest.approx(2 / 4)
    assert figure("no_fault_accuracy", calls) == pytest.approx(1 / 2)


def test_summary_slots_are_counted_together() -> None:
    target = analysis(category=choice("a"), action=choice("done"), outcome=choice("pending"))
    given = analysis(category=choice("a"), action=choice("fixed"))

    assert counts("summary_f1", target, given) == (2 * 1, 2 + 3)
    assert counts("summary_f1", analysis(), analysis()) == (0, 0)


@pytest.mark.parametrize(
    ("turns", "right"),
    [((3,), 1), ((5,), 1), ((3, 5), 1), ((4,), 0), ((3, 4), 0)],
    ids=str,
)
def test_evidence_is_right_where_every_turn_given_shows_the_finding(
    turns: tuple[int, ...], right: int
) -> None:
    """The value does not matter here: it has figures of its own."""
    target = analysis(category=choice("a", 3, 5))
    given = analysis(category=choice("b", *turns))

    assert counts("evidence_f1", target, given) == (2 * right, 2)


def test_evidence_is_that_of_all_tasks_but_the_quality() -> None:
    """The quality has the turns of the faults, and a "no" is what no turn shows."""
    target = analysis(
        faults=(choice("rude", 2),),
        quality=rating(70, 2),
        csat=rating(30, 4),
        scorecard=(Judgement(answer="yes", turns=(0,)), Judgement(answer="no", turns=(1,)), NONE),
    )
    given = analysis(
        faults=(choice("jargon", 2),),
        csat=rating(90, 4),
        scorecard=(Judgement(answer="yes", turns=(0,)), NO, Judgement(answer="yes", turns=(1,))),
    )

    assert counts("evidence_f1", target, given) == (2 * 2, 4 + 3)


def test_a_question_that_does_not_apply_is_an_answer_of_the_scorecard() -> None:
    target = analysis(scorecard=(YES, NO, NONE, NONE, YES, YES))
    given = analysis(scorecard=(YES, NO, NONE, YES, NO, NONE))

    assert counts("scorecard_accuracy", target, given) == (3, 6)


def test_tasks_whose_target_is_unknown_are_not_measured() -> None:
    """As of real calls that people labelled with a category alone."""
    call = answered(
        analysis(category=choice("a")), analysis(category=choice("a")), tasks=("category",)
    )

    measured = {name for name, count in COUNTS.items() if count(call, GUIDE)[1]}

    assert measured == {"issue_accuracy", "summary_f1"}


def test_a_missing_answer_is_wrong_everywhere() -> None:
    target = analysis(
        category=choice("a", 1),
        journey=choice("b"),
        action=choice("c"),
        outcome=choice("d"),
        faults=(choice("rude"),),
        csat=rating(50),
        churn=rating(50),
        quality=rating(50),
    )

    found = {name: count(answered(target, None), GUIDE) for name, count in COUNTS.items()}

    assert {part for part, _ in found.values()} == {0}
    assert {name for name, (_, whole) in found.items() if not whole} == {
        "null_f1",  # nothing is null here
        "no_fault_accuracy",  # and there is a fault
    }


def test_intervals_draw_calls() -> None:
    """Ten answers to one call say no more than one: without another call no draw differs."""
    one = measure([(1, 1), (0, 1)] * 5, ["call"] * 10, resamples=300)
    many = measure([(1, 1), (0, 1)] * 5, [str(n) for n in range(10)], resamples=300)

    assert one is not None
    assert many is not None
    assert (one[0].low, one[0].high, one[1]) == (0.5, 0.5, 1)
    assert many[0].low < 0.5 < many[0].high
    assert many[1] == 10


def test_nothing_to_measure_is_no_figure() -> None:
    assert measure([(0, 0)], ["call"], resamples=10) is None
    assert measure([], [], resamples=10) is None
