"""Champion and shadow on the same calls, and answers against corrections."""

from __future__ import annotations

import msgspec
import pytest

from models.classification.corrections import latest_corrections
from models.classification.live.agreement import Answers, corrected_scores
from schemas.classification import CallClassified, ScoredLabel, TaskAnswer
from tests.support.models.classified_calls import CAPTURED_AT_NS, SHOP, answered, corrected

NEW = "shop2@bbbbbbbb"


def taken_in(*messages: CallClassified) -> Answers:
    answers = Answers()
    for message in messages:
        answers.add(message)
    return answers


def test_calls_that_both_were_asked_about_are_compared() -> None:
    """By id; a call without a shadow's answer says nothing."""
    answers = taken_in(
        answered("a", "Broken", 0.9),
        answered("a", "Broken", 0.8, model=NEW, is_shadow=True),
        answered("b", "Late", 0.7, model=NEW, is_shadow=True),
        answered("b", "Refund", 0.6),
        answered("c", "Late"),
    )

    found = answers.agreement()

    assert found is not None
    assert (found.champion, found.shadow) == (("shop1@aaaaaaaa",), (NEW,))
    assert (found.tasks["subject"].calls, found.tasks["subject"].count) == (2, 1)
    (one,) = found.disagreements
    assert (one.call_id, one.champion, one.shadow) == ("b", ("Refund",), ("Late",))
    assert (one.champion_confidence, one.shadow_confidence) == (0.6, 0.7)


def test_one_that_abstains_disagrees_with_one_that_answers() -> None:
    answers = taken_in(
        answered("a", abstained="uncertain"), answered("a", "Late", model=NEW, is_shadow=True)
    )

    found = answers.agreement()

    assert found is not None
    assert found.disagreements[0].champion == ("(uncertain)",)


def test_the_last_answer_of_a_call_counts_and_provisional_ones_do_not() -> None:
    answers = taken_in(
        answered("a", "Late"),
        answered("a", "Broken"),
        answered("a", "Refund", is_provisional=True),
    )

    assert [call.answers[0].labels[0].label for call in answers.champion] == ["Broken"]
    assert answers.agreement() is None


def test_a_model_that_was_promoted_is_compared_with_the_one_before_it() -> None:
    """A backfill answers the calls of its shadow again: that is no agreement of two models."""
    answers = taken_in(
        answered("a", "Broken"),
        answered("a", "Late", model=NEW, is_shadow=True),
        answered("b", "Late", model=NEW, is_shadow=True),
        answered("a", "Late", model=NEW),
        answered("b", "Late", model=NEW),
    )

    found = answers.agreement()

    assert found is not None
    assert (found.champion, found.shadow) == (("shop1@aaaaaaaa",), (NEW,))
    assert (found.tasks["subject"].calls, found.tasks["subject"].count) == (1, 0)
    assert [call.model for call in answers.champion] == [NEW, NEW]


@pytest.mark.parametrize("model", [NEW, ""], ids=["itself", "rules alone"])
def test_a_shadow_without_another_model_beside_it_is_compared_with_nothing(model: str) -> None:
    answers = taken_in(
        answered("a", "Late", model=model), answered("a", "Late", model=NEW, is_shadow=True)
    )

    assert answers.agreement() is None


def test_the_answers_of_every_model_to_a_call_are_kept() -> None:
    answers = taken_in(
        answered("a", "Broken"), answered("a", "Late", model=NEW), answered("a", "Refund")
    )

    found = {call.model: call.answers[0].labels[0].label for call in answers.every}

    assert found == {"shop1@aaaaaaaa": "Refund", NEW: "Late"}
    assert [call.answers[0].labels[0].label for call in answers.champion] == ["Refund"]


def test_what_a_rule_raised_is_no_disagreement_of_models() -> None:
    """The rule raises the priority for the one and would for the other."""
    high = TaskAnswer(
        task="urgency",
        labels=(ScoredLabel(label="High", confidence=0.2),),
        raised_by="danger",
    )
    low = TaskAnswer(task="urgency", labels=(ScoredLabel(label="Low", confidence=0.8),))
    answers = taken_in(
        *(
            CallClassified(
                event_id=model,
                call_id="a",
                captured_at_ns=CAPTURED_AT_NS,
                label_set="shop-2",
                model=model,
                answers=(answer,),
                is_shadow=is_shadow,
            )
            for model, answer, is_shadow in (("old", high, False), ("new", low, True))
        )
    )

    found = answers.agreement()

    assert found is not None
    assert (found.tasks, found.disagreements) == ({}, ())


def test_corrected_calls_score_the_models_that_answered_them() -> None:
    """Of each model and task: how many of the corrected calls it had answered rightly."""
    corrections = latest_corrections(
        [
            corrected("a", "subject", "Late"),
            corrected("b", "subject", "Broken"),
            corrected("c", "moods", "Angry"),
        ],
        SHOP,
    )
    answers = [
        *(answered(call_id, "Broken") for call_id in "abcd"),
        answered("a", "Late", model=NEW, is_shadow=True),
    ]

    found = corrected_scores(answers, corrections.calls)

    old, new = found["shop1@aaaaaaaa"], found[NEW]
    assert (old["subject"].calls, old["subject"].count) == (2, 1)
    assert (old["moods"].calls, old["moods"].count) == (1, 0)
    assert new["subject"].share == 1.0
    assert new["subject"].low == pytest.approx(0.2065, abs=1e-3)


def test_what_rules_answered_scores_no_model() -> None:
    """Neither a label that a rule raised, nor a call without any model."""
    corrections = latest_corrections(
        [corrected("a", "urgency", "High"), corrected("b", "subject", "Late")], SHOP
    )
    high = ScoredLabel(label="High", confidence=0.2)
    raised = TaskAnswer(task="urgency", labels=(high,), raised_by="danger")

    found = corrected_scores(
        [
            msgspec.structs.replace(answered("a"), answers=(raised,)),
            answered("b", "Late", model="", abstained="no_model"),
        ],
        corrections.calls,
    )

    assert found == {}


def test_a_call_scores_a_model_once() -> None:
    """Also one that answered it in shadow and, promoted, again."""
    corrections = latest_corrections([corrected("a", "subject", "Late")], SHOP)

    found = corrected_scores(
        [answered("a", "Broken", is_shadow=True), answered("a", "Late")], corrections.calls
    )

    score = found["shop1@aaaaaaaa"]["subject"]
    assert (score.calls, score.count) == (1, 1)
