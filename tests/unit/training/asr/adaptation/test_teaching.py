"""When pieces are made, made again, and refused."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from tests.support.speech_training.tiny_adaptation import TEXTS, tiny_adaptation
from tests.support.speech_training.tone_speech import tone_recording
from tests.support.speech_training.whisper_fixtures import random_tensors, tiny_dims
from training.asr.adaptation.hearing import HearingBatches
from training.asr.adaptation.recipe import Corpus
from training.asr.adaptation.run import adapt
from training.asr.adaptation.teaching import prepare_pieces, store_key
from training.asr.finetuning.base import load_base
from training.asr.finetuning.spelling import Speller
from training.asr.speech.augment import Background
from training.asr.speech.utterances import write_shard
from training.asr.synthesis.speech_folder import clear_speech
from training.core.checkpoints import write_checkpoint
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from training.asr.speech.folders import SpeechFolders

_CORPUS = Corpus("synthetic")


def test_pieces_of_other_speech_are_others(tmp_path: Path, folders: SpeechFolders) -> None:
    """Its words, its audio, a shard more; not when it was written."""
    recipe = tiny_adaptation(tmp_path)
    shard = folders.synthetic / "000"
    key = store_key(recipe, _CORPUS, folders)

    write_shard(shard, [tone_recording(text) for text in TEXTS * 2])
    assert store_key(recipe, _CORPUS, folders) == key
    audio = shard.with_suffix(".u8").read_bytes()
    shard.with_suffix(".u8").write_bytes(audio[:-1] + bytes([audio[-1] ^ 1]))
    changed = store_key(recipe, _CORPUS, folders)
    write_shard(folders.synthetic / "001", [tone_recording("yes")])

    assert len({key, changed, store_key(recipe, _CORPUS, folders)}) == 3


def test_pieces_of_other_teachers_are_others(tmp_path: Path, folders: SpeechFolders) -> None:
    """Weights of the same name, with other parameters."""
    recipe = tiny_adaptation(tmp_path)
    key = store_key(recipe, _CORPUS, folders)

    dims = tiny_dims()
    content = {"dims": dims, "model_state_dict": random_tensors(dims, seed=8)}
    write_checkpoint(content, tmp_path / "base.pt")

    assert store_key(recipe, _CORPUS, folders) != key


def test_a_corpus_of_which_nothing_fits_is_named(tmp_path: Path, folders: SpeechFolders) -> None:
    """Each time alike."""
    pieces = {"min_seconds": 0.01, "max_seconds": 0.02, "corpora": [{"name": "synthetic"}]}
    recipe = tiny_adaptation(tmp_path, pieces=pieces)

    for _ in range(2):
        with pytest.raises(RecipeError, match=r"synthetic-.* is empty: no piece"):
            prepare_pieces(recipe, folders)


@pytest.mark.parametrize(
    ("changes", "resume", "error", "message"),
    [
        ({"start": "first/checkpoint.pt"}, False, MissingDataError, "run the recipe that writes"),
        ({}, True, MissingDataError, "begin without --resume"),
        ({"pieces": {"corpora": [{"name": "synthetic"}, {"name": "none"}]}}, False, RecipeError,
         "'none' is not one of"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_the_pieces_are_made(
    tmp_path: Path,
    folders: SpeechFolders,
    changes: dict[str, Any],
    resume: bool,
    error: type[Exception],
    message: str,
) -> None:
    """They take hours."""
    with pytest.raises(error, match=message):
        adapt(tiny_adaptation(tmp_path, **changes), folders, tmp_path / "out", resume=resume)

    assert not (folders.work / "pieces").exists()


@pytest.mark.parametrize("what", ["held-out", "incomplete"])
def test_missing_speech_is_named_before_the_pieces_are_made(
    tmp_path: Path, folders: SpeechFolders, what: str
) -> None:
    """The held-out sets, or the end of the synthesis."""
    if what == "held-out":
        clear_speech(folders.real_test / "tones")
    else:
        (folders.synthetic / "complete.json").unlink()

    with pytest.raises(MissingDataError, match=f"{what}|not complete"):
        adapt(tiny_adaptation(tmp_path), folders, tmp_path / "out", resume=False)

    assert not (folders.work / "pieces").exists()


@pytest.mark.parametrize("weight", [1, 4])
def test_a_weight_counts_in_batches_of_pieces_alone(
    tmp_path: Path, folders: SpeechFolders, monkeypatch: pytest.MonkeyPatch, weight: int
) -> None:
    """A corpus with 4 is drawn four times as often as one of as many pieces with 1."""
    recipe = tiny_adaptation(tmp_path, hearing={"joined_share": 0.0, "clean_share": 1.0,
        "max_tail_ms": 200, "full_share": 0.0, "long_tail_share": 0.0})  # fmt: skip
    store = prepare_pieces(recipe, folders)
    store.pieces = [
        msgspec.structs.replace(store.pieces[0], corpus=name) for name in ("one", "other") * 400
    ]
    corpora = (Corpus("one", weight=weight), Corpus("other"))
    recipe = msgspec.structs.replace(
        recipe, pieces=msgspec.structs.replace(recipe.pieces, corpora=corpora)
    )
    audio = np.zeros(store.pieces[0].samples, np.float32)
    monkeypatch.setattr(store, "samples", lambda _number: audio)
    speller = Speller(load_base(recipe.teachers.model))
    batches = HearingBatches(recipe, store, speller, Background(None), 75)

    drawn: Counter[str] = Counter()
    for number in range(300):
        heard = batches._alike("plain", 200, np.random.default_rng(number))
        drawn.update(store.pieces[one.number].corpus for one in heard)

    assert drawn["one"] / drawn["other"] == pytest.approx(weight, rel=0.25)
