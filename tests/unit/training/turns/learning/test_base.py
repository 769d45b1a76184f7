from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

import training.turns
from models.fetching.cache import default_models_folder
from models.fetching.catalogue import CATALOGUE, PublishedFile, PublishedModel
from models.store.manifest import sha256_of
from tests.support.models.tiny_trained_turns import write_encoder
from training.core.errors import MissingDataError, RecipeError
from training.text.encoder_base import MINILM
from training.turns.learning.base import make_base
from training.turns.learning.classifier import load_tokenizer
from training.turns.learning.recipe import BaseRecipe
from training.turns.recipe import read_recipe

_TEXTS = ["please call me on monday", "this is my number", "on monday please"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def test_a_cut_base_gives_what_the_whole_one_gives(encoder: Path, tmp_path: Path) -> None:
    """Without a layer less, texts of kept pieces get the same states, to the last bit."""
    recipe = BaseRecipe(model=str(encoder), vocabulary=160, positions=32)

    make_base(recipe, lambda: _TEXTS, tmp_path, seed=1)

    whole, cut = _states(encoder, _TEXTS[0]), _states(tmp_path, _TEXTS[0])
    assert AutoConfig.from_pretrained(tmp_path).vocab_size == 160
    assert AutoConfig.from_pretrained(tmp_path).max_position_embeddings == 32
    assert torch.equal(whole, cut)


def test_a_few_lines_do_not_shrink_a_vocabulary(encoder: Path, tmp_path: Path) -> None:
    """What they do not use comes from the base, in its order."""
    make_base(BaseRecipe(model=str(encoder), vocabulary=165), lambda: _TEXTS, tmp_path, seed=1)

    whole, cut = AutoTokenizer.from_pretrained(encoder), AutoTokenizer.from_pretrained(tmp_path)
    assert len(cut) == 165
    used = {piece for text in _TEXTS for piece in whole.tokenize(text)}
    left = [p for p, _ in sorted(whole.get_vocab().items(), key=lambda one: one[1])]
    others = [piece for piece in left if piece not in used and piece in cut.get_vocab()]
    gone = [piece for piece in left if piece not in cut.get_vocab()]
    assert used <= cut.get_vocab().keys()
    assert gone
    words = [piece for piece in others if len(piece.removeprefix("##")) > 1 and piece[0] != "["]
    assert max(map(left.index, words)) < min(map(left.index, gone))


def test_layers_are_cut_from_the_top(encoder: Path, tmp_path: Path) -> None:
    """The first layer stays as it was."""
    make_base(BaseRecipe(model=str(encoder), layers=1), list, tmp_path, seed=1)

    whole, cut = AutoModel.from_pretrained(encoder), AutoModel.from_pretrained(tmp_path)

    assert len(cut.encoder.layer) == 1
    kept = whole.encoder.layer[0].state_dict()
    assert all(torch.equal(kept[name], p) for name, p in cut.encoder.layer[0].state_dict().items())


def test_the_last_layer_can_stay_the_last_one(encoder: Path, tmp_path: Path) -> None:
    recipe = BaseRecipe(model=str(encoder), layers=1, keeps_last=True)
    make_base(recipe, list, tmp_path, seed=1)

    whole, cut = AutoModel.from_pretrained(encoder), AutoModel.from_pretrained(tmp_path)

    (layer,) = cut.encoder.layer
    first, last = whole.encoder.layer[0].state_dict(), whole.encoder.layer[-1].state_dict()
    assert all(torch.equal(last[name], p) for name, p in layer.state_dict().items())
    assert not all(torch.equal(first[name], p) for name, p in layer.state_dict().items())


def test_any_text_still_is_tokenised(encoder: Path, tmp_path: Path) -> None:
    """Words whose piece is gone are spelled, and only strange characters are unknown."""
    recipe = BaseRecipe(model=str(encoder), vocabulary=150)
    make_base(recipe, lambda: _TEXTS, tmp_path, seed=1)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)

    assert tokenizer.tokenize("morning on") == ["m", *(f"##{c}" for c in "orning"), "on"]
    assert tokenizer.tokenize("o'clock 42?")[-3:] == ["4", "##2", "?"]
    assert tokenizer.tokenize("\u6f22") == [tokenizer.unk_token]


def test_the_tail_of_a_long_text_stays(encoder: Path, tmp_path: Path) -> None:
    """The last words decide, so that the first are cut off."""
    make_base(BaseRecipe(model=str(encoder), vocabulary=160), lambda: _TEXTS, tmp_path, seed=1)
    tokenizer = load_tokenizer(tmp_path)

    ids = tokenizer("please " * 50 + "on monday", truncation=True, max_length=5)["input_ids"]

    words = tokenizer.convert_ids_to_tokens(ids)
    assert words == ["[CLS]", "please", "on", "monday", "[SEP]"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"layers": 9}, "has 2 layers"),
        ({"vocabulary": 20}, r"base\.vocabulary must be \d+ or more"),
        ({"positions": 100}, "the base has 64"),
    ],
)
def test_what_cannot_be_cut_is_refused(
    encoder: Path, tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    """The message names the setting."""
    with pytest.raises(RecipeError, match=complaint):
        make_base(BaseRecipe(model=str(encoder), **changes), lambda: _TEXTS, tmp_path, seed=1)


def test_a_missing_base_is_named(tmp_path: Path) -> None:
    """One line says what can be named instead."""
    recipe = BaseRecipe(model=str(tmp_path / "none"))

    with pytest.raises(
        MissingDataError, match=r"none' cannot be loaded .* name 'bundled', a folder"
    ):
        make_base(recipe, list, tmp_path / "base", seed=1)


def test_a_base_of_the_catalogue_comes_from_the_cache_of_fetched_models(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setitem(CATALOGUE, "small", _published(encoder))
    shutil.copytree(encoder, default_models_folder() / "small")

    make_base(BaseRecipe(model="small", positions=32), list, tmp_path / "base", seed=1)

    assert AutoConfig.from_pretrained(tmp_path / "base").max_position_embeddings == 32


def test_the_base_of_the_recipes_can_be_fetched() -> None:
    recipes = Path(training.turns.__file__).parent / "recipes"
    bases = {read_recipe(recipes / f"{name}.toml").base.model for name in ("bundled", "comparison")}

    assert bases == {MINILM}
    assert MINILM in CATALOGUE


def _published(folder: Path) -> PublishedModel:
    files = tuple(
        PublishedFile(file.name, file.stat().st_size, sha256_of(file)) for file in folder.iterdir()
    )
    return PublishedModel(
        name="small", kind="text", origin="A test", licence="MIT", files=files, packages=()
    )


def _states(folder: Path, text: str) -> torch.Tensor:
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        states: torch.Tensor = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
    return states
