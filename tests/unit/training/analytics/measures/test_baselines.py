"""What the most frequent answers and keywords reach, and that they look at no target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.analytics.analysis import Judgement
from models.analytics.guide import load_guide
from tests.support.analytics.analysed_calls import NONE, analysis, choice, example, rating
from training.analytics.measures.baselines import Keywords, Majority, answered_by, baselines
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from training.analytics.corpus.examples import Example

GUIDE = load_guide("contact-centre")
BILL = ("hello there", "my bill is wrong", "sorry about the bill", "thanks")
PHONE = ("hello there", "fine morning", "my phone is broken", "the phone again")


def bill(number: int) -> Example:
    target = analysis(
        category=choice("billing", 1),
        csat=rating(40, 1),
        scorecard=(Judgement(answer="yes", turns=(0,)), *[NONE] * 5),
    )
    return example(target, BILL, name=f"bill{number}")


def phone(number: int) -> Example:
    target = analysis(category=choice("fault", 2), csat=rating(60, 3), faults=(choice("rude", 2),))
    return example(target, PHONE, name=f"phone{number}")


TRAIN = [*(bill(n) for n in range(6)), *(phone(n) for n in range(4))]


def test_the_majority_gives_every_call_the_most_frequent_labels() -> None:
    majority = Majority(TRAIN, GUIDE)

    found = majority.answer(phone(9))

    assert found.category == choice("billing", 1)
    assert found.journey is None
    assert [fault.name for fault in found.faults] == ["rude"]
    assert [each.answer for each in found.scorecard] == ["yes", None, None, None, None, None]


def test_the_majority_takes_the_score_that_is_near_to_the_most() -> None:
    """45 is within 15 points of all but one, though each score occurs once or twice."""
    scores = [30, 30, 45, 60, 60, 90]
    train = [example(analysis(csat=rating(each)), name=str(n)) for n, each in enumerate(scores)]

    assert Majority(train, GUIDE).answer(train[0]).csat == rating(45)


def test_a_place_behind_the_end_of_a_call_is_its_last_turn() -> None:
    target = analysis(outcome=choice("resolved", 3))
    train = [example(target, name=str(n)) for n in range(3)]

    found = Majority(train, GUIDE).answer(example(analysis(), ("hello", "bye")))

    assert found.outcome == choice("resolved", 1)


def test_keywords_find_label_and_turn_by_the_words() -> None:
    keywords = Keywords(TRAIN, GUIDE)
    unseen = example(analysis(), ("good day", "what a phone", "it is broken", "bill who"))

    found = keywords.answer(unseen)

    assert found.category is not None
    assert found.category.name == "fault"
    assert [fault.name for fault in found.faults] == ["rude"]
    assert found.csat is not None
    assert found.csat.score == 60
    assert found.category.turns == (2,)


def test_answers_do_not_depend_on_the_target() -> None:
    texts = ("hello there", "my bill is wrong")
    calls = [example(analysis(), texts), example(analysis(category=choice("fault")), texts)]

    for baseline in baselines(TRAIN, GUIDE).values():
        first, second = answered_by(baseline, calls)
        assert first.given == second.given


def test_an_unknown_task_is_not_learnt() -> None:
    """Of calls that people gave a category alone, nothing else is null."""
    known = example(analysis(journey=choice("complaint")), name="composed")
    real = [
        example(analysis(category=choice("billing")), name=str(n), tasks=("category",))
        for n in range(5)
    ]

    assert Majority([known, *real], GUIDE).answer(known).journey == choice("complaint")


def test_an_empty_training_split_is_one_clear_error() -> None:
    with pytest.raises(MissingDataError, match="training split has no calls"):
        baselines([], GUIDE)
