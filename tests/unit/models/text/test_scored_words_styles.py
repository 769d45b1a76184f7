"""Transcripts in different styles compare as the same words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.numerals import spell_cardinal, spell_digits, spell_money, spell_time, spell_year
from models.text.scored_words import scored_words
from models.text.word_errors import word_errors

ALIKE = [
    ("555-1234", "five five five one two three four"),
    ("555-1234", "five fifty five twelve thirty four"),
    ("It's (555) 123-4567.", "it's five five five one two three four five six seven"),
    ("$25", "twenty five dollars"),
    ("It's $25.50, please.", "it's twenty five dollars and fifty cents please"),
    ("$5.2 billion", "five point two billion dollars"),
    ("1,250", "twelve fifty"),
    ("1,250", "one thousand two hundred and fifty"),
    ("2,000,000", "two million"),
    ("at 9:30 a.m.", "at nine thirty a m"),
    ("at 9 AM", "at nine a.m."),
    ("in 1984", "in nineteen eighty four"),
    ("in 2005", "in two thousand five"),
    ("the 22nd", "the twenty-second"),
    ("5%", "five per cent"),
    ("It's A-B-C-1-2-3.", "it's a b c one two three"),
    ("the ATM", "the a t m"),
    ("john.smith@gmail.com", "john dot smith at gmail dot com"),
    ("Okay, Mr. Smith.", "ok mister smith"),
    ("All right, 'cause I'm gonna go.", "alright because i am going to go"),
    ("I don't, can't and won't.", "i do not can not and will not"),
    ("That's it.", "that is it"),
    ("Mm-hmm. Um, yes.", "yes"),
    ("double five oh seven", "5 5 0 7"),
    ("a hundred dollars", "$100"),
    ("It\u2019s twenty-one!", "it's twenty one"),
    ("It's $12K.", "it's twelve thousand dollars"),
    ("$0.99 or $.99", "ninety-nine cents or ninety-nine cents"),
    (".5 percent ...5", "point five percent five"),
    ("in the 1990s, the '90s", "in the nineteen nineties the nineties"),
    ("2\u00bd or 2 1/2 hours", "two and a half or two and a half hours"),
    ("3/4 of an inch", "three quarters of an inch"),
    ("in the E.R.", "in the ER"),
    ("90210-1234.", "nine oh two one oh one two three four"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_the_same_speech_compares_alike_in_every_style(one: str, other: str) -> None:
    assert scored_words(one) == scored_words(other)


@pytest.mark.parametrize(
    ("one", "other", "errors"),
    [
        ("555-1234", "five five five one two three five", 1),
        ("oh I see", "I see", 1),
        ("John's car", "john is car", 2),
        ("twenty dollars", "twenty pounds", 1),
        ("yes", "no", 1),
        ("the colour", "the color", 1),
        ("A.M.", "PM", 1),
    ],
)
def test_different_words_stay_different(one: str, other: str, errors: int) -> None:
    assert word_errors(scored_words(one), scored_words(other)).errors == errors


TOKENS = (
    *("two", "twenty", "five", "oh", "a", "and", "point", "9"),
    *("am", "a", "m", "i", "12", "555-", "$5", "9:30", "1,234", "22nd", "it's", "don't", "ok"),
    *("per", "cent", "gmail.com", "AT&T", "B12", "uh", "A-B", "1984", "smith", "5."),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=8).map(" ".join))
def test_scored_words_are_their_own_form(text: str) -> None:
    once = scored_words(text)

    assert scored_words(" ".join(once)) == once


@given(st.text(st.characters(), max_size=60))
def test_any_text_can_be_compared(text: str) -> None:
    assert all(word and not word.isspace() for word in scored_words(text))


@given(number=st.integers(0, 999_999))
def test_a_number_compares_alike_in_figures_and_words(number: int) -> None:
    said = scored_words(" ".join(spell_cardinal(number)))

    assert said == scored_words(str(number)) == scored_words(f"{number:,}")
    assert said == scored_words(" ".join(spell_digits(str(number))))


@given(year=st.integers(1900, 2039))
def test_a_year_compares_alike_in_figures_and_words(year: int) -> None:
    assert scored_words(" ".join(spell_year(year))) == scored_words(f"{year}")


@given(whole=st.integers(0, 99_999), cents=st.integers(0, 99), sign=st.sampled_from("$£€"))
def test_an_amount_compares_alike_in_figures_and_words(whole: int, cents: int, sign: str) -> None:
    written = f"{sign}{whole:,}.{cents:02}"

    assert scored_words(written) == scored_words(" ".join(spell_money(whole, cents, sign)))


@given(hour=st.integers(1, 12), minute=st.integers(1, 59))
def test_a_time_compares_alike_in_figures_and_words(hour: int, minute: int) -> None:
    said = " ".join([*spell_time(hour, minute), "p", "m"])

    assert scored_words(f"{hour}:{minute:02} p.m.") == scored_words(said)
