"""Tags of any spelling stand for the codes that weights know, or for none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper.tokenizer import LANGUAGES

from models.languages import (
    _CODES,
    known_language,
    primary_subtag,
    serves,
    unserved_language,
)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"), ("EN", "en"), ("en-US", "en"), ("en_us", "en"), (" en ", "en"),
        ("eng", "en"), ("ENG-gb", "en"), ("deu", "de"), ("ger", "de"), ("de-CH-1996", "de"),
        ("zh-Hant-TW", "zh"), ("cmn", "zh"), ("yue", "yue"), ("haw", "haw"), ("nb", "no"),
        ("iw", "he"), ("jv", "jw"), ("fil", "tl"), ("nno", "nn"),
    ],
)  # fmt: skip
def test_a_tag_stands_for_a_code_of_whisper(tag: str, code: str) -> None:
    assert known_language(tag, LANGUAGES) == code


@pytest.mark.parametrize("tag", ["", " ", "-", "_", "xx", "tlh", "english", "*", "\x00", "de" * 40])
def test_a_tag_that_no_weights_know_stands_for_none(tag: str) -> None:
    assert known_language(tag, LANGUAGES) == ""


def test_weights_of_few_languages_know_only_those() -> None:
    assert known_language("de-AT", {"en", "es"}) == ""
    assert known_language("spa", {"en", "es"}) == "es"


def test_every_three_letter_code_leads_to_a_language_of_whisper() -> None:
    """And every language of Whisper that has an older or three-letter code is reached."""
    assert set(_CODES.values()) <= set(LANGUAGES)
    two_letters = {code for code in LANGUAGES if len(code) == 2}
    assert two_letters <= set(_CODES.values())


@given(tag=st.text(max_size=64))
def test_any_text_is_a_known_code_or_none(tag: str) -> None:
    assert known_language(tag, LANGUAGES) in {"", *LANGUAGES}
    assert primary_subtag(primary_subtag(tag)) == primary_subtag(tag)


@pytest.mark.parametrize(
    ("tag", "unserved"),
    [
        *(("de-DE", "de"), ("ger", "de"), ("ES_mx", "es"), ("cmn-Hans", "zh"), ("gsw", "gsw")),
        *(("en", ""), ("eng-GB", ""), ("", ""), ("english", ""), ("und", ""), ("mul", "")),
    ],
)
def test_a_stated_language_that_weights_do_not_serve_has_a_name(tag: str, unserved: str) -> None:
    """What is no tag of a language states nothing."""
    assert unserved_language(tag, ("en",)) == unserved


@pytest.mark.parametrize("tag", ["", " ", "und", "mul", "english", "en", "EN-gb", "eng", "en_us"])
def test_what_is_for_english_serves_english_calls_and_those_that_state_nothing(tag: str) -> None:
    assert serves(("en",), tag)
    assert serves(("eng-GB", "sw"), tag)


@pytest.mark.parametrize("tag", ["de", "deu", "swh", "gsw"])
def test_what_is_for_english_does_not_serve_other_calls(tag: str) -> None:
    assert not serves(("en",), tag)
    assert serves((), tag)


@pytest.mark.parametrize(
    ("heard", "is_served"),
    [("und", False), ("mul", False), ("sw", False), ("en-GB", True), ("swh", False), ("", True)],
)
def test_what_the_recognizer_does_not_serve_is_foreign_unless_it_names_what_is_served(
    heard: str, is_served: bool
) -> None:
    """Whatever the context states; what is for all languages serves it all the same."""
    for stated in ("", "en", "und"):
        assert serves(("eng-US",), stated, heard=heard) is is_served
        assert serves((), stated, heard=heard)
