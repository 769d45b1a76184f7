"""Perplexities against cases that were computed by hand."""

from __future__ import annotations

from math import exp, log

import pytest

from training.analytics.measures.perplexity import AnswerLosses, perplexities, perplexity
from training.core.errors import MissingDataError


def test_calls_count_once_each_and_tokens_once_each_beside_it() -> None:
    """One token with probability 1/4 and three that are certain."""
    found = perplexity([(log(4),), (0.0, 0.0, 0.0)])

    assert found.mean == pytest.approx((4 + 1) / 2)
    assert found.median == pytest.approx(2.5)
    assert (found.min, found.max, found.std) == (1.0, 4.0, 1.5)
    assert found.loss == pytest.approx(log(4) / 4, abs=1e-4)
    assert found.of_all_tokens == pytest.approx(exp(log(4) / 4), abs=1e-4)
    assert (found.calls, found.tokens) == (2, 4)


def test_sampled_tokens_are_those_that_the_grammar_leaves_a_choice_of() -> None:
    """Forced tokens are certain here, so that they make the answer look easier than it is."""
    losses = AnswerLosses((0.0, log(9), 0.0, 0.0), (False, True, False, False))

    found = perplexities([losses, losses])

    assert found.sampled.mean == pytest.approx(9.0)
    assert found.answer.mean == pytest.approx(9 ** (1 / 4), abs=1e-4)
    assert found.sampled.tokens == 2


@pytest.mark.parametrize(("loss", "grade"), [(log(1.35), "excellent"), (log(5.5), "no grade")])
def test_the_grade_is_the_documents(loss: float, grade: str) -> None:
    assert grade in perplexity([(loss,)]).grade


def test_no_tokens_are_one_clear_error() -> None:
    with pytest.raises(MissingDataError, match="no call has tokens"):
        perplexity([(), ()])
