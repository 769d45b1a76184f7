"""Lines fitted to answers whose rightness is known, and the command that writes them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.support.analytics.analysed_calls import analysis, answered, choice, rating
from training.analytics.export.calibrating import MIN_CLAIMS, fit_lines

if TYPE_CHECKING:
    from training.analytics.measures.findings import Answered


def overconfident(count: int, seed: int = 3) -> list[Answered]:
    """Return answers that are right in seven of ten cases, all given as nearly certain."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        confidence = draw.uniform(0.9, 0.999)
        score = 70 if draw.random() < 0.4 + 3 * (confidence - 0.9) else 20
        given = analysis(churn=rating(score, 1, confidence=confidence))
        found.append(answered(analysis(churn=rating(70, 1)), given))
    return found


def test_a_line_takes_most_of_the_error_away() -> None:
    fitted = fit_lines(overconfident(600))["churn"]

    assert fitted.claims == 600
    assert fitted.error_before > 0.3
    assert fitted.error_after < 0.1  # of the half that it was not fitted on
    assert fitted.line(0.95) == pytest.approx(0.55, abs=0.1)
    assert fitted.line(0.99) > fitted.line(0.91)


def test_too_few_answers_or_all_of_one_kind_give_no_line() -> None:
    certain = answered(
        analysis(category=choice("Cards", 1)),
        analysis(category=choice("Cards", 1, confidence=0.9)),
    )

    assert fit_lines(overconfident(MIN_CLAIMS - 1)) == {}
    assert fit_lines([certain] * 2 * MIN_CLAIMS) == {}
    assert fit_lines([answered(analysis(), None)] * 2 * MIN_CLAIMS) == {}
