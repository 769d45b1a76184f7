"""Answers of the call analytics, as text and as confidences."""

import json
from typing import Any

import msgspec
import pytest

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.analytics.answers import AnswerError, AnswerForm, decode_answer, encode_answer
from models.analytics.guide import load_guide

GUIDE = load_guide("contact-centre")
SHOWN = range(20)
ANALYSIS = Analysis(
    category=Choice(name="Payments and Transfers", turns=(2, 4)),
    journey=Choice(name="cancellation", turns=(2,)),
    action=Choice(name="refunded", turns=(7,)),
    outcome=Choice(name="resolved", turns=(11,)),
    faults=(Choice(name="interrupts", turns=(4,)), Choice(name="empty promise", turns=(8, 10))),
    scorecard=(
        Judgement(answer="yes", turns=(0,)),
        Judgement(answer="no"),
        Judgement(answer="no"),
        Judgement(answer="yes", turns=(8,)),
        Judgement(answer=None),
        Judgement(answer="yes"),
    ),
    csat=Rating(score=60, turns=(11,)),
    churn=Rating(score=100),
    quality=Rating(score=75, turns=(4, 8, 10)),
)
CODES = (
    '{"i":"c3","j":"f3","a":"d8","o":"a12","f":"b5h9","s":"A1b-c-D9F+",'
    '"c":"60@12","r":"100+","q":"75"}'
)


def test_codes_name_the_first_turn_of_each_fact() -> None:
    assert encode_answer(ANALYSIS, GUIDE, "codes", SHOWN) == CODES


def test_the_document_has_the_documents_keys() -> None:
    answer = json.loads(encode_answer(ANALYSIS, GUIDE, "document", SHOWN))

    assert answer["primary_category"] == answer["summary"]["issue"] == "Payments and Transfers"
    assert answer["summary"]["outcome"] == "resolved"
    assert answer["journey_type"] == "cancellation"
    assert answer["coaching_recommendations"] == [
        {"fault": "interrupts", "turn": 5},
        {"fault": "empty promise", "turn": 9},
    ]
    assert answer["scorecard"]["greeting"] == {"answer": "yes", "turn": 1}
    assert answer["scorecard"]["anything else"] is None
    assert (answer["csat"], answer["churn_risk"], answer["quality_score"]) == (60, 100, 75)
    assert answer["effectiveness_rating"] == "good"
    assert answer["evidence"]["primary_category"] == 3


def test_numbers_are_of_the_turns_that_the_prompt_shows() -> None:
    """A fault all of whose turns are left out cannot be seen; a category loses its turn alone."""
    shown = (0, 1, 8, 11)

    text = encode_answer(ANALYSIS, GUIDE, "codes", shown)

    assert text == (
        '{"i":"c+","j":"f+","a":"d+","o":"a4","f":"h3","s":"A1b-c-D3F+",'
        '"c":"60@4","r":"100+","q":"75"}'
    )
    assert decode_answer(text, GUIDE, "codes", shown).faults == (
        Choice(name="empty promise", turns=(8,)),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("c3", "k3", "the guide has 10 entries"),
        ("c3", "c21", "names turn 21; the prompt shows 20"),
        ("c3", "c0", "i is 'c0'"),
        ("c3", "", "i is ''"),
        ("b5h9", "h9b5", "the order is that of the guide"),
        ("b5h9", "b5b9", "each once"),
        ("b5h9", "a1b5c6h9", "more than 3"),
        ("A1b-", "A1B", "s is 'A1B"),
        ("F+", "G+", "the guide has 6 entries"),
        ("60@12", "62@12", "no multiple of 5"),
        ("60@12", "6000@12", "c is '6000@12'"),
        ("100+", "105+", "from 0 to 100"),
        ('"q":"75"', '"q":"75","x":"1"', "not of the form"),
        ('"q":"75"', '"q":75', "not of the form"),
    ],
)
def test_codes_that_say_what_cannot_be_are_one_clear_error(
    before: str, after: str, told: str
) -> None:
    with pytest.raises(AnswerError, match=told):
        decode_answer(CODES.replace(before, after), GUIDE, "codes", SHOWN)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"primary_category": "Gardening"}, "'Gardening' is not in the guide"),
        ({"csat": 62}, "no multiple of 5"),
        ({"csat": 105}, "<= 100"),
        ({"scorecard": {}}, "the questions are greeting, identity"),
        ({"evidence": {"action": 3}}, "required field"),
        ({"coaching_recommendations": [{"fault": "rude", "turn": 99}]}, "names turn 99"),
        ({"effectiveness_rating": "superb"}, "superb"),
        ({"surprise": 1}, "unknown field"),
    ],
)
def test_a_document_that_says_what_cannot_be_is_one_clear_error(
    change: dict[str, Any], told: str
) -> None:
    answer = json.loads(encode_answer(ANALYSIS, GUIDE, "document", SHOWN))

    with pytest.raises(AnswerError, match=told):
        decode_answer(json.dumps(answer | change), GUIDE, "document", SHOWN)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"journey": Choice(name="Gardening")}, "journey: 'Gardening' is not in the guide"),
        ({"quality": Rating(score=71)}, "no multiple of 5"),
        ({"faults": (Choice(name="rude"),) * 2}, "each once"),
        ({"scorecard": ()}, "0 answers to 6 questions"),
    ],
)
def test_an_analysis_of_another_guide_is_not_written(change: dict[str, Any], told: str) -> None:
    with pytest.raises(AnswerError, match=told):
        encode_answer(msgspec.structs.replace(ANALYSIS, **change), GUIDE, "codes", SHOWN)


def by_character(text: str, unsure: dict[int, float]) -> list[tuple[str, float]]:
    return [(each, unsure.get(place, 1.0)) for place, each in enumerate(text)]


@pytest.mark.parametrize("form", ["codes", "document"])
def test_a_confidence_is_that_of_the_tokens_of_the_value(form: AnswerForm) -> None:
    """The number of the turn does not count."""
    text = encode_answer(ANALYSIS, GUIDE, form, SHOWN)
    places = {
        "codes": ['"c3"', "b5", "D9", "60@"],
        "document": ['"Payments', '"interrupts"', '"yes","turn":9', "60,"],
    }[form]
    category, fault, question, csat = map(text.index, places)
    first = 1 if form == "codes" else 3
    tokens = by_character(
        text,
        {category + first: 0.5, fault: 0.6, question: 0.7, csat: 0.8, csat + 1: 0.5},
    )

    read = decode_answer(text, GUIDE, form, SHOWN, [*tokens, ("<|im_end|>", 0.1)])

    assert read.category is not None
    assert read.csat is not None
    assert read.quality is not None
    assert read.category.confidence == 0.5
    assert [each.confidence for each in read.faults] == [0.6, 1.0]
    assert [each.confidence for each in read.scorecard] == [1.0, 1.0, 1.0, 0.7, -1.0, 1.0]
    assert read.csat.confidence == pytest.approx(0.4)
    assert read.quality.confidence == 1.0


def test_without_tokens_or_with_those_of_another_text_nothing_is_known() -> None:
    for tokens in ([], [("other", 0.5)]):
        read = decode_answer(CODES, GUIDE, "codes", SHOWN, tokens)

        assert read.category is not None
        assert read.category.confidence == -1.0
