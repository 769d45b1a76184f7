"""The sub-vocabulary spells every word with tokens that whisper decodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from training.asr.scratch.vocabulary import WordSegmenter, build_vocabulary
from training.asr.whisper.tokenizers import english_tokenizer

WORDS = {"hello": 50, "order": 40, "number": 40, "the": 90, "i'd": 9, "antidisestablish": 1}
VOCABULARY = build_vocabulary(WORDS, size=60)
SEGMENTER = WordSegmenter(VOCABULARY)


@given(st.from_regex(r"[a-z]{1,12}('[a-z]{1,2})?", fullmatch=True))
@examples(60)
def test_any_word_decodes_to_itself(word: str) -> None:
    """Unseen words are spelled with pieces, down to letters."""
    tokens = [VOCABULARY.token_ids[token] for token in SEGMENTER.segment(word)]

    assert english_tokenizer().decode(tokens) == f" {word}"


def test_frequent_words_are_one_token_and_the_size_is_kept() -> None:
    """The budget goes to what occurs; the special tokens come on top."""
    assert len(SEGMENTER.segment("order")) == 1
    assert len(VOCABULARY) <= 60 + 4


def test_no_token_is_one_that_whisper_suppresses() -> None:
    """A suppressed token in a target could never be decoded."""
    tokenizer = english_tokenizer()
    forbidden = {*tokenizer.non_speech_tokens, *tokenizer.encode(" ")}

    assert not forbidden & set(VOCABULARY.token_ids[4:])
