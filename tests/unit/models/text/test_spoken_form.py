from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.spoken_form import spoken_form

ANYTHING = st.text(st.characters(), max_size=60)  # lone surrogates among them


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Okay, it's 10 GB!", "okay it's ten gb"),
        ("It\u2019s o\u02bcclock", "it's o'clock"),
        ("'tis the customers' rock'n'roll", "tis the customers rock'n'roll"),
        ("a_b-c/d", "a b c d"),
        ("\uff21\uff22 \u2460", "ab one"),
        ("\u00d1and\u00fa", "\u00f1and\u00fa"),
        ("n\u0303andu", "\u00f1andu"),
        ("\u0928\u092e\u0938\u094d\u0924\u0947!", "\u0928\u092e\u0938\u094d\u0924\u0947"),
        ("great \U0001f44d\U0001f3fd 1\ufe0f\u20e3", "great one"),
        ("\u0301 loose \u0301marks", "loose marks"),
        ("\ud800 half\x00done", "half done"),
        ("sui\u00adcidal k\u200bill \ufeffa\u2060b", "suicidal kill ab"),
        ("don\u2032t can\u055at 6\u20322\u2033", "don't can't six two"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u0937"),
        ("\u1780\u200b\u1781", "\u1780 \u1781"),
        ("\U0001f468\u200d\U0001f469 family", "family"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_only_words_remain(written: str, spoken: str) -> None:
    """No punctuation, no capitals: the model may not lean on what a recognizer does not write."""
    assert spoken_form(written) == spoken


@given(ANYTHING)
def test_the_spoken_form_is_its_own(text: str) -> None:
    """Training data that went through it once more stays what the live path sees."""
    once = spoken_form(text)

    assert spoken_form(once) == once


@given(ANYTHING)
def test_any_text_gives_words_parted_by_single_spaces(text: str) -> None:
    words = spoken_form(text).split(" ")

    assert words == [""] or all(word and word[0].isalnum() for word in words)


@given(st.text(st.sampled_from("ab c'9"), max_size=20))
def test_final_punctuation_changes_nothing(text: str) -> None:
    assert spoken_form(f"{text}.") == spoken_form(text) == spoken_form(f"{text} ?!")


@pytest.mark.parametrize(
    "digits", ["1" * 5_000, "0" * 5_000, f"1{',000' * 2_000}", f"${'9' * 5_000}.00"]
)
def test_digits_without_end_are_read_out_one_by_one(digits: str) -> None:
    """Python makes no number of more than 4,300."""
    spoken = spoken_form(f"my card is {digits}").split()

    assert len(spoken) >= 5_000
    assert set(spoken[3:]) <= {"one", "zero", "nine", "dollars"}
