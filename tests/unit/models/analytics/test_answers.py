"""Answers of the call analytics, as text and as confidences."""

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

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
    '{"i":"3c","j":"3f","a":"8d","o":"12a","f":"5b9h","s":"A1b-c-D9F+",'
    '"c":"12@60","r":"+100","q":"75"}'
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


def test_faults_are_written_by_turn_and_read_by_guide() -> None:
    faults = (Choice(name="interrupts", turns=(8,)), Choice(name="empty promise", turns=(4,)))

    text = encode_answer(replace(ANALYSIS, faults=faults), GUIDE, "codes", SHOWN)

    assert '"f":"5h9b"' in text
    assert decode_answer(text, GUIDE, "codes", SHOWN).faults == faults


def test_a_fault_that_no_turn_shows_is_written_last() -> None:
    faults = (Choice(name="interrupts"), Choice(name="empty promise", turns=(4,)))

    text = encode_answer(replace(ANALYSIS, faults=faults), GUIDE, "codes", SHOWN)

    assert '"f":"5h+b"' in text


def test_of_a_fault_that_is_named_again_the_first_turn_counts() -> None:
    answer = decode_answer(CODES.replace("5b9h", "5b+h9b"), GUIDE, "codes", SHOWN)

    assert answer.faults == (
        Choice(name="interrupts", turns=(4,)),
        Choice(name="empty promise"),
    )
    assert answer.quality == Rating(score=75, turns=(4,))


def test_numbers_are_of_the_turns_that_the_prompt_shows() -> None:
    """A fault all of whose turns are left out cannot be seen; a category loses its turn alone."""
    shown = (0, 1, 8, 11)

    text = encode_answer(ANALYSIS, GUIDE, "codes", shown)

    assert text == (
        '{"i":"+c","j":"+f","a":"+d","o":"4a","f":"3h","s":"A1b-c-D3F+",'
        '"c":"4@60","r":"+100","q":"75"}'
    )
    assert decode_answer(text, GUIDE, "codes", shown).faults == (
        Choice(name="empty promise", turns=(8,)),
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("3c", "3k", "the guide has 10 entries"),
        ("3c", "21c", "names turn 21; the prompt shows 20"),
        ("3c", "0c", "i is '0c'"),
        ("3c", "c3", "i is 'c3'"),
        ("3c", "", "i is ''"),
        ("5b9h", "1a5b6c9h", "more than 3"),
        ("A1b-", "b-A1", "the order is that of the guide"),
        ("A1b-", "A1a-", "each once"),
        ("A1b-", "A1B", "s is 'A1B"),
        ("F+", "G+", "the guide has 6 entries"),
        ("12@60", "12@62", "no multiple of 5"),
        ("12@60", "12@6000", "c is '12@6000'"),
        ("+100", "+105", "from 0 to 100"),
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
        encode_answer(replace(ANALYSIS, **change), GUIDE, "codes", SHOWN)


def by_character(text: str, unsure: dict[int, float]) -> list[tuple[str, float]]:
    return [(each, unsure.get(place, 1.0)) for place, each in enumerate(text)]


@pytest.mark.parametrize("form", ["codes", "document"])
def test_a_confidence_is_that_of_the_tokens_of_the_value(form: AnswerForm) -> None:
    """The number of a fact's turn does not count."""
    text = encode_answer(ANALYSIS, GUIDE, form, SHOWN)
    places = {
        "codes": ['c","j"', "b9", "D9", '60","r"'],
        "document": ['"Payments', '"interrupts"', '"yes","turn":9', "60,"],
    }[form]
    category, fault, question, csat = map(text.index, places)
    first = 0 if form == "codes" else 3
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
    unsure = 0.6 * 0.7 if form == "codes" else 1.0  # of the faults and answers that quality sums up
    assert read.quality.confidence == pytest.approx(unsure)


def test_in_codes_a_fault_and_a_score_are_no_surer_than_their_turn() -> None:
    """Whether there is a fault at all, and what a score is told from, is decided there."""
    text = encode_answer(ANALYSIS, GUIDE, "codes", SHOWN)
    last_fault = re.search(r'[a-z](")', text[text.index('"f"') + 4 :])
    assert last_fault is not None
    end = text.index('"f"') + 4 + last_fault.start(1)
    fault, score = text.index('"f"') + 5, text.index('"c"') + 5
    tokens = by_character(text, {fault: 0.5, end: 0.9, score: 0.25})

    read = decode_answer(text, GUIDE, "codes", SHOWN, tokens)

    assert read.csat is not None
    assert read.quality is not None
    assert read.faults[0].confidence == 0.5
    assert read.csat.confidence == 0.25
    assert read.quality.confidence == pytest.approx(0.5 * 0.9)  # and that no fault follows


def test_without_tokens_or_with_those_of_another_text_nothing_is_known() -> None:
    for tokens in ([], [("other", 0.5)]):
        read = decode_answer(CODES, GUIDE, "codes", SHOWN, tokens)

        assert read.category is not None
        assert read.category.confidence == -1.0
