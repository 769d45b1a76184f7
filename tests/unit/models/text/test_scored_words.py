"""Word errors are counted on words, not on how a system writes them."""

import pytest

from models.text.scored_words import scored_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I'm calling at 10:30 a.m.", "i am calling at ten thirty a m"),
        ("the 21st, not the 2nd", "the twenty first not the second"),
        ("$1,250.50", "one thousand two hundred and fifty dollars and fifty cents"),
        ("555-1234", "five five five one two three four"),
        ("105 of 2,000", "one hundred and five of two thousand"),
        ("one oh five", "105"),
        ("back in 1984", "back in nineteen eighty four"),
        ("Mr. O\u2019Hara can't; uh, OK", "mister o'hara cannot okay"),
        ("mm-hmm. Well, they'll wait", "well they will wait"),
        ("20% at 9pm", "twenty percent at nine p m"),
        ("half-and-a-half", "half and a half"),
        ("caf\u00e9 <unk> [unintelligible] wou~ now", "cafe now"),
    ],
)  # fmt: skip
def test_the_same_words_written_differently_are_the_same(one: str, other: str) -> None:
    assert scored_words(one) == scored_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("oh I see", "zero I see"),
        ("fifteen", "fifty"),
        ("two", "too"),
        ("twenty one", "twenty first"),
        ("a hundred people", "a thousand people"),
        ("the card", "the cards"),
    ],
)
def test_other_words_stay_other_words(one: str, other: str) -> None:
    assert scored_words(one) != scored_words(other)


def test_a_number_is_its_digits_one_by_one() -> None:
    assert scored_words("Call 5551234 on the 22nd.") == [
        "call", *"5551234", "on", "the", "2", "2th",
    ]  # fmt: skip
