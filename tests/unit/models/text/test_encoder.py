"""Texts are cut, batched and padded so that each is run in one shape."""

from pathlib import Path

import pytest

from models.text.encoder import (
    BUCKETS,
    MAX_RUN_TOKENS,
    SpecialTokens,
    load_tokenizer,
    text_end,
)
from schemas.errors import ModelIntegrityError
from tests.support.models.tiny_encoder import FIRST, LAST, PAD, UNKNOWN, A, B, C, tiny_encoder


def test_special_tokens_stand_around_a_text() -> None:
    assert tiny_encoder().tokens("a b z") == [FIRST, A, B, UNKNOWN, LAST]


def test_an_encoder_may_have_no_special_tokens() -> None:
    none = SpecialTokens(first=-1, last=-1, padding=PAD)

    assert tiny_encoder(special_tokens=none).tokens("a b") == [A, B]


@pytest.mark.parametrize(("keep", "kept"), [("tail", [B, C, C]), ("head", [A, B, B])])
def test_a_longer_text_keeps_one_end(keep: str, kept: list[int]) -> None:
    encoder = tiny_encoder(max_tokens=5, keep=keep)

    assert encoder.tokens("a b b a a b c c") == [FIRST, *kept, LAST]


@pytest.mark.parametrize(
    ("text", "words", "is_head", "end"),
    [
        ("one two three", 2, False, "two three"),
        ("one two three", 2, True, "one two"),
        ("x" * 40 + " end", 1, False, "end"),
        ("begin " + "x" * 40, 1, True, "begin"),
        ("a" * 30 + " last words", 2, False, "last words"),
        ("x" * 40, 1, False, "x" * 16),
        ("x" * 40, 1, True, "x" * 16),
        ("  spaced \t out ", 5, False, "spaced out"),
        ("", 5, True, ""),
    ],
)
def test_only_the_words_that_fit_are_tokenised(
    text: str, words: int, end: str, *, is_head: bool
) -> None:
    """A part of a word at the cut would be another word."""
    assert text_end(text, words, is_head=is_head) == end


def test_rows_of_one_bucket_share_a_batch_and_are_padded_to_it() -> None:
    encoder = tiny_encoder()
    rows = [encoder.tokens(text) for text in ("a", "a b c a b c a", "b c")]

    (short, feed), (long, other) = encoder.batches(rows)

    assert (short, long) == ([0, 2], [1])
    assert feed["input_ids"].tolist() == [
        [FIRST, A, LAST, *[PAD] * 5],
        [FIRST, B, C, LAST, *[PAD] * 4],
    ]
    assert feed["attention_mask"].tolist() == [[1] * 3 + [0] * 5, [1] * 4 + [0] * 4]
    assert other["input_ids"].shape == (1, 16)


def test_full_padding_knows_one_length() -> None:
    encoder = tiny_encoder(padding="full")

    ((indexes, feed),) = encoder.batches([[FIRST, A, LAST], [FIRST, *[B] * 100, LAST]])

    assert indexes == [0, 1]
    assert feed["input_ids"].shape == (2, 128)


def test_rows_without_tokens_are_in_no_batch() -> None:
    ((indexes, _),) = tiny_encoder().batches([[], [A], []])

    assert indexes == [1]


def test_a_run_is_bounded() -> None:
    rows = [[A] * 128] * 100

    sizes = [feed["input_ids"].size for _, feed in tiny_encoder().batches(rows)]

    assert max(sizes) <= MAX_RUN_TOKENS
    assert sum(sizes) == 100 * 128


@pytest.mark.parametrize("max_tokens", [5, 100, 512])
def test_no_bucket_is_longer_than_the_encoder(max_tokens: int) -> None:
    encoder = tiny_encoder(max_tokens=max_tokens)

    ((_, feed),) = encoder.batches([encoder.tokens("a " * 1_000)])

    assert feed["input_ids"].shape == (1, max_tokens)
    assert BUCKETS[-1] >= max_tokens


@pytest.mark.parametrize(
    "content", [b"", b"no tokenizer", b"{}", b"[]", b"\xff\xfe", b'{"model": {"type": "Other"}}']
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)

    with pytest.raises(ModelIntegrityError, match=r"tokenizer\.json cannot be read"):
        load_tokenizer(path)


def test_a_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelIntegrityError, match=r"none\.json cannot be read"):
        load_tokenizer(tmp_path / "none.json")
