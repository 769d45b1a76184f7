"""Loops are cut to one round; what people repeat stays."""

import msgspec
import pytest

from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.loops import cut_inner_loops, cut_loops, is_joined_loop

DIGITS = "five five five one two one two"


def heard(text: str, *, duration_ms: int = 20_000, is_cut_short: bool = False) -> Hypothesis:
    words = tuple(
        Word(text=word, start_ms=100 * n, end_ms=100 * n + 80, confidence=0.9)
        for n, word in enumerate(text.split())
    )
    return Hypothesis(text=text, words=words, duration_ms=duration_ms, is_cut_short=is_cut_short)


@pytest.mark.parametrize("text", ["no no no no", "zero " * 7 + "one", "bye bye bye", DIGITS, ""])
def test_what_people_repeat_is_kept(text: str) -> None:
    hypothesis = heard(text)

    assert cut_loops(hypothesis, 8) is hypothesis


def test_a_loop_inside_a_word_is_cut_and_the_text_with_it() -> None:
    looping = heard("he lalalalalalala suffffffer. now")

    cut = cut_loops(looping, 8)

    assert cut.text == "he la suffer. now"
    assert [word.text for word in cut.words] == ["he", "la", "suffer.", "now"]
    assert cut.words[1].end_ms == looping.words[1].end_ms


@pytest.mark.parametrize("text", ["hahahaha", "hmmm", "1000000", "www.example.com", "committee"])
def test_what_words_repeat_is_kept(text: str) -> None:
    assert cut_inner_loops(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "half-and-a-half-an-a-half-an-",
        "a-half-an-A-Half-an",
        "can-I-help-you,can-I-help-you,can-I",
        "right-on-right-on-right-on",
        "la-la-la-la-la-la",
        "don't-you-know-don't-you-know",
        "one/two/three/one/two/three",
    ],
)
def test_joined_words_that_go_round_are_a_loop(text: str) -> None:
    assert is_joined_loop(text)
    assert cut_loops(heard(f"well {text} yes"), 8).text == "well yes"


@pytest.mark.parametrize(
    "text",
    ["bye-bye", "no-no-no-no", "tick-tock-tick-tock", "mother-in-law", "5-5-5-5-5-5", "u.s.a."],
)
def test_joined_words_that_people_say_are_no_loop(text: str) -> None:
    assert not is_joined_loop(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("That's all. Thank you. That's all. Thank you. That's", "That's all. Thank you."),
        ("I see, no thanks. No thanks, no tha", "I see, no thanks."),
        ("8. 8. 8. 8.", "8."),
        ("845 and 845 and 845 and", "845 and"),
        ("it is what it was", "it is what it was"),
        ("he said bye bye", "he said bye bye"),
    ],
)  # fmt: skip
def test_a_transcript_whose_tokens_ran_out_ends_with_one_round(text: str, expected: str) -> None:
    assert cut_loops(heard(text, is_cut_short=True), 8).text == expected


def test_repeated_words_that_nobody_says_so_fast_are_a_loop() -> None:
    """Three words in 0.76 s may be; the same six may not."""
    text = "No, thank you. No, thank you."

    assert cut_loops(heard(text, duration_ms=760), 8).text == "No, thank you."
    assert cut_loops(heard(text, duration_ms=2_000), 8).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's not a good idea. It's a good idea.", "It's not a good idea."),
        ("It's a good idea. It's not a good idea.", "It's a good idea."),
        ("So it's a good idea. It's a bad idea.", "So it's a good idea."),
        ("It's a good idea, so was a good idea.", "It's a good idea, so was a good idea."),
        ("Say it now. Said it now.", "Say it now. Said it now."),
    ],
)
def test_fast_words_that_come_again_but_for_one_are_a_loop(text: str, expected: str) -> None:
    """Rounds of four words and more: nobody says the like of it so fast."""
    assert cut_loops(heard(text, duration_ms=900), 8).text == expected
    assert cut_loops(heard(text, duration_ms=4_000), 8).text == text


def test_numbers_that_differ_by_a_digit_are_kept() -> None:
    text = "five five one two five five one three"

    assert cut_loops(heard(text, duration_ms=2_000), 8).text == text
    assert cut_loops(heard(text, is_cut_short=True), 8).text == text


def test_fast_words_that_do_not_repeat_are_no_loop() -> None:
    hypothesis = heard("I would like to pay a bill.", duration_ms=780)

    assert cut_loops(hypothesis, 8) is hypothesis


def test_punctuation_alone_is_not_a_word() -> None:
    assert cut_loops(heard(". Thank you ..."), 8).text == "Thank you"
    assert cut_loops(heard("."), 8).words == ()


@pytest.mark.parametrize(
    "text",
    [
        "Johnson & Johnson",
        "that is $ 50 or 50 % of it",
        "turn it to 20 ° or § 5",
        "the price is € 9",
        "2 + 2 = 4",
        "ส วั ส ดี",
        "ะ ็ า",
    ],
)
def test_signs_and_marks_that_are_spoken_are_words(text: str) -> None:
    hypothesis = heard(text)

    assert cut_loops(hypothesis, 8) is hypothesis


@pytest.mark.parametrize("mark", ["...", "-", "♪", "♪♪", "♯", "。", "\u266a\u266b", "\ufffd", "😀"])
def test_marks_that_nobody_says_are_no_words(mark: str) -> None:
    assert cut_loops(heard(f"yes {mark} please"), 8).text == "yes please"


@pytest.mark.parametrize("text", ["चिल्लाते-चिल्लाते", "धीरे-धीरे", "বলতে-বলতে"])
def test_a_doubled_word_with_vowel_signs_is_no_loop(text: str) -> None:
    """Its vowel signs do not part it into words."""
    assert not is_joined_loop(text)


def test_characters_of_unspaced_languages_are_no_words_of_a_hurry() -> None:
    """Four words in 1.5 s, the last two the same, are no loop of eighteen."""
    text = "わかりましたありがとうありがとう"
    hypothesis = msgspec.structs.replace(heard(" ".join(text), duration_ms=1_500), language="ja")

    assert cut_loops(hypothesis, 8) is hypothesis
    assert cut_loops(msgspec.structs.replace(hypothesis, language="en"), 8) is not hypothesis


def test_a_cut_loop_keeps_the_rest_of_the_hypothesis() -> None:
    looping = heard("yes yes yes yes", is_cut_short=True)

    cut = cut_loops(looping, 8)

    assert msgspec.structs.replace(cut, text="", words=(), compression_ratio=0.0) == (
        msgspec.structs.replace(looping, text="", words=(), compression_ratio=0.0)
    )
