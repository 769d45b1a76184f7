"""Phrases are compared word by word in spoken form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classification.phrases import compared_form, has_phrase, phrase_spans
from models.text.spoken_form import spoken_form


@pytest.mark.parametrize(
    ("text", "phrase", "is_there"),
    [
        ("He has a KNIFE!", "he has a knife", True),
        ("he has a knifeman", "he has a knife", False),
        ("she has a knife", "he has a knife", False),
        ("he has got a very big knife", "he has * knife", False),
        ("he has a very big knife", "he has * knife", True),
        ("he has knife", "he has * knife", True),
        ("he's 10 years old", "he's ten years", True),
        ("", "he has", False),
        ("he cant breathe", "can't breathe", True),
        ("he can\u2032t breathe", "cant breathe", True),
        ("ill kill you", "i'll kill you", True),
        ("she is ill", "i'll kill you", False),
        ("what the hell", "he'll beat me", False),
        ("we're in danger", "we're in danger", True),
        ("they were in danger", "we're in danger", False),
        ("well call you", "we'll call you", False),
        ("weve a fire", "we've a fire", True),
    ],
)
def test_whole_words_in_their_order_count(text: str, phrase: str, is_there: bool) -> None:
    assert has_phrase(spoken_form(text), [phrase]) is is_there


def test_without_phrases_nothing_is_found() -> None:
    assert not has_phrase("anything", [])


words = st.lists(st.sampled_from(["he", "has", "knife", "a", "big"]), max_size=12)


@given(before=words, gap=words, after=words)
def test_a_gap_is_at_most_three_words(before: list[str], gap: list[str], after: list[str]) -> None:
    text = " ".join([*before, "start", *gap, "end", *after])

    assert has_phrase(text, ["start * end"]) is (len(gap) <= 3)


def test_places_may_overlap_and_there_is_one_for_each_word_that_begins_a_phrase() -> None:
    text = compared_form("he's got a knife and a gun")

    places = phrase_spans(text, ["he's * knife", "got a", "a gun", "a"])

    assert [text[each.start : each.end] for each in places] == [
        "hes got a knife",
        "got a",
        "a",
        "a gun",
    ]
    assert phrase_spans(text, []) == []
