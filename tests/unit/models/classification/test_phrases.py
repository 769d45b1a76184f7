"""Phrases are compared word by word in spoken form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classification.phrases import has_phrase
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
