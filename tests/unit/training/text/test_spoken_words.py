"""What is written becomes what is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.numerals import MAX_CARDINAL, spell_cardinal, spell_ordinal, spell_year
from training.text.spoken_words import normalise_words, parse_sentence, split_sentences


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("I'd like 2 tickets, please.", "i'd like two tickets please"),
        ("It costs $1,250.50", "it costs one thousand two hundred fifty dollars and fifty cents"),
        ("at 2:30 pm", "at two thirty p m"),
        ("at 5:00 PM.", "at five p m"),
        ("March 1st", "march first"),
        ("the 22nd of May", "the twenty second of may"),
        ("since 1998", "since nineteen ninety eight"),
        ("zip 560034", "zip five six zero zero three four"),
        ("code 007", "code zero zero seven"),
        ("3.14", "three point one four"),
        ("I am here", "i am here"),
        ("AT&T \u2013 it\u2019s 10% off", "at and t it's ten percent off"),
        ("check-in with Zoë", "check in with zoe"),
        ("OK, Dr. Smith", "okay doctor smith"),
    ],
)
def test_numbers_and_symbols_are_spelled_as_spoken(written: str, said: str) -> None:
    """Digits, money, times, dates and abbreviations come out as words."""
    assert " ".join(normalise_words(written)) == said or (
        (sentence := parse_sentence(written)) is not None and " ".join(sentence.words) == said
    )


def test_what_cannot_be_said_is_refused() -> None:
    """A word in another script makes the sentence unusable rather than wrong."""
    assert parse_sentence("the word is слово") is None


def test_the_synthesiser_reads_one_token_per_word() -> None:
    """Word times are matched by position, so the counts must agree."""
    sentence = parse_sentence("Hi, it's $5 - ok? (Really) 'cause...")

    assert sentence is not None
    assert len(sentence.words) == len(sentence.spoken)
    assert sentence.words == ("hi", "it's", "five", "dollars", "okay", "really", "cause")
    assert sentence.spoken_text.startswith("hi, it's five dollars")


def test_a_turn_is_split_at_its_sentence_ends() -> None:
    """Marks at the end of a word end a sentence; a decimal point does not."""
    assert list(split_sentences("It is 3.5. Is it? Yes")) == ["It is 3.5.", "Is it?", "Yes"]


@given(st.integers(min_value=0, max_value=MAX_CARDINAL))
def test_different_numbers_have_different_names(number: int) -> None:
    """No two neighbouring numbers are spelled alike, and words are plain letters."""
    words = spell_cardinal(number)

    assert all(word.isalpha() and word.islower() for word in words)
    if number:
        assert words != spell_cardinal(number - 1)


@pytest.mark.parametrize(
    ("number", "name"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (31, "thirty first")]
)
def test_ordinals(number: int, name: str) -> None:
    """Irregular ordinals and the last word of compound ones."""
    assert " ".join(spell_ordinal(number)) == name


@pytest.mark.parametrize(
    ("year", "name"),
    [(2005, "two thousand five"), (1907, "nineteen oh seven"), (2026, "twenty twenty six")],
)
def test_years(year: int, name: str) -> None:
    """Years are said in pairs, apart from the first decade of the century."""
    assert " ".join(spell_year(year)) == name
