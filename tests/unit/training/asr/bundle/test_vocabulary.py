"""Which tokens are kept, and that texts of kept tokens are encoded as before."""

from pathlib import Path

import numpy as np
import pytest
from whisper.model import Whisper

from models.asr.checkpoints.checkpoint import EMBEDDING, WhisperCheckpoint, read_checkpoint
from models.asr.checkpoints.weights import find_weights
from tests.support.models.call_texts import write_call_texts
from tests.support.models.random_whisper import random_whisper, save_checkpoint
from training.asr.bundle.call_texts import word_shares
from training.asr.bundle.vocabulary import cut_vocabulary, needed_tokens
from training.core.errors import MissingDataError, RecipeError

SIZE = 3_000
TEXT = " Hello, my order number is 4271. I'm Rhoda, and the balance is $1,250.50 at 10:45."


@pytest.fixture(scope="module")
def network() -> Whisper:
    return random_whisper()


@pytest.fixture(scope="module")
def whole(network: Whisper, tmp_path_factory: pytest.TempPathFactory) -> WhisperCheckpoint:
    path = save_checkpoint(network, tmp_path_factory.mktemp("whole") / "whole.pt")
    return read_checkpoint(find_weights(str(path)))


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return word_shares(write_call_texts(tmp_path_factory.mktemp("text")))


@pytest.fixture(scope="module")
def kept(whole: WhisperCheckpoint, shares: dict[str, float]) -> list[int]:
    return needed_tokens(whole.tokens, shares, SIZE)


def test_words_of_every_source_count_with_their_punctuation_and_a_capital(
    shares: dict[str, float],
) -> None:
    assert {"Hello,", "latte,", "card", "transfer", "Rhoda."} <= set(shares)
    assert shares["Greetings."] == pytest.approx(1 / 9)  # the only word of its source
    assert shares["Kavisri"] == pytest.approx(0.1 * shares["kavisri"])


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no sgd at"):
        word_shares(tmp_path)


def test_the_choice_repeats_has_its_size_and_keeps_every_byte_and_number(
    whole: WhisperCheckpoint, shares: dict[str, float], kept: list[int]
) -> None:
    pieces = {whole.tokens.pieces[number] for number in kept}

    assert kept == sorted(set(kept)) == needed_tokens(whole.tokens, shares, SIZE)
    assert len(kept) == SIZE
    assert {bytes([byte]) for byte in range(256)} <= pieces
    assert {b" 7", b"42", b"999", b" 2026"} & set(whole.tokens.pieces) <= pieces


def test_frequent_words_of_calls_come_before_those_of_web_text(
    whole: WhisperCheckpoint, kept: list[int]
) -> None:
    pieces = {whole.tokens.pieces[number] for number in kept}

    assert {b" Hello", b" balance", b" alpha", b" please"} <= pieces
    assert b" Notwithstanding" not in pieces


def test_texts_of_kept_tokens_are_encoded_as_with_the_whole_vocabulary(
    whole: WhisperCheckpoint, kept: list[int]
) -> None:
    cut = cut_vocabulary(whole, kept)
    before, after = whole.tokens.encode(TEXT), cut.tokens.encode(TEXT)

    assert set(before) <= set(kept)
    assert [kept[number] for number in after] == list(before)
    unknown = " Zażółć gęślą jaźń"
    assert cut.tokens.text(cut.tokens.encode(unknown)) == unknown


def test_tokens_keep_their_rows_and_their_meaning(
    whole: WhisperCheckpoint, kept: list[int]
) -> None:
    cut = cut_vocabulary(whole, kept)
    old, new = whole.tokens, cut.tokens

    assert np.array_equal(cut.tensors[EMBEDDING], whole.tensors[EMBEDDING][kept])
    for name in ("end_of_text", "start", "start_of_previous", "no_speech", "no_timestamps"):
        assert kept[getattr(new, name)] == getattr(old, name), name
    assert {kept[number] for number in new.suppressed} == set(old.suppressed) & set(kept)
    assert {kept[number] for number in new.suppressed_first} == set(old.suppressed_first)


@pytest.mark.parametrize("size", [100, 60_000])
def test_a_size_that_cannot_be_is_refused(
    whole: WhisperCheckpoint, shares: dict[str, float], size: int
) -> None:
    with pytest.raises(RecipeError, match="--tokens must be from"):
        needed_tokens(whole.tokens, shares, size)
