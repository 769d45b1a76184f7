"""Confidences on the lines of a manifest."""

import math

import pytest

from models.analytics.analysis import Judgement
from models.analytics.calibration import CALIBRATED, calibrated
from models.log_odds import ConfidenceLine
from tests.support.analytics.analysed_calls import analysis, choice, rating

HALVED = ConfidenceLine(slope=0.5, intercept=0.0)


def test_a_line_keeps_the_order() -> None:
    confidences = (0.0, 0.2, 0.5, 0.9, 0.999, 1.0)

    found = [HALVED(each) for each in confidences]

    assert found == sorted(found)
    assert found[2] == pytest.approx(0.5)
    assert 0.5 < found[3] < 0.9  # less sure of itself
    assert ConfidenceLine()(0.3) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("slope", "intercept"), [(0.0, 0.0), (-1.0, 0.0), (math.nan, 0.0), (1.0, math.inf)]
)
def test_a_line_that_turns_the_order_round_is_refused(slope: float, intercept: float) -> None:
    with pytest.raises(ValueError, match="slope"):
        ConfidenceLine(slope=slope, intercept=intercept)


def test_each_task_has_its_own_line_and_nothing_else_changes() -> None:
    given = analysis(
        category=choice("Cards", 1, confidence=0.9),
        churn=rating(70, 3, confidence=0.9),
        faults=(choice("rude", 2, confidence=0.9), choice("jargon", 4)),
        scorecard=(Judgement(answer="yes", turns=(0,), confidence=0.9), Judgement(answer=None)),
    )
    lines = {"churn": HALVED, "faults": HALVED, "scorecard": HALVED, "csat": HALVED}

    found = calibrated(given, lines)

    assert found.category == given.category
    assert found.churn == rating(70, 3, confidence=HALVED(0.9))
    assert found.faults == (choice("rude", 2, confidence=HALVED(0.9)), choice("jargon", 4))
    yes, none = found.scorecard
    assert (yes.answer, yes.turns, yes.confidence) == ("yes", (0,), HALVED(0.9))
    assert none == Judgement(answer=None)
    assert found.csat is None
    assert calibrated(given, {}) is given


def test_every_part_of_an_analysis_is_a_task() -> None:
    assert {"category", "journey", "quality", "faults", "scorecard"} <= CALIBRATED
