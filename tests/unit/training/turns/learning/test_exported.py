"""A training can start from an exported model: the bundled one, or one of ``turns-export``."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from models.store.layout import BUNDLED
from models.store.manifest import write_manifest
from models.turns.detector import TurnDetector
from models.turns.manifest import load_turn_manifest
from schemas.errors import ModelIntegrityError
from tests.support.models.tiny_trained_turns import (
    bert_config,
    mobilebert_config,
    save_examples,
    word_pieces,
    write_encoder,
)
from training.core.errors import RecipeError
from training.turns.export.exporter import FP32_FOLDER, ExportOptions, export_models
from training.turns.learning.base import make_base
from training.turns.learning.classifier import (
    TurnClassifier,
    load_tokenizer,
    save_classifier,
    starting_classifier,
)
from training.turns.learning.exported import exported_manifest, read_exported
from training.turns.learning.recipe import BaseRecipe

TEXTS = (
    "yes please",
    "i would like to",
    "my number is oh seven",
    "thank you that is all",
    "can you tell me when the",
    "the parcel has not arrived yet",
    "no i mean the other one with",
    "okay bye",
)
VARIANTS = ("general", "customer")


def _judged(network: TurnClassifier, tokenizer: object, texts: tuple[str, ...]) -> list[float]:
    rows = tokenizer(list(texts), return_tensors="pt", padding=True)  # type: ignore[operator]
    with torch.inference_mode():
        logits = network(rows["input_ids"], rows["attention_mask"]).logits
    found: list[float] = torch.softmax(logits, -1)[:, 1].tolist()
    return found


def _random_export(folder: Path, *, is_mobile: bool = False) -> Path:
    """Return the manifest of an export whose parameters all differ, as after a training."""
    config = mobilebert_config() if is_mobile else bert_config()
    torch.manual_seed(3)
    shared = TurnClassifier(config).state_dict()
    for variant in VARIANTS:
        network = TurnClassifier(config)
        network.load_state_dict(shared)
        learnt = {name for name, _ in network.head_parameters()}
        for name, parameter in network.named_parameters():
            if name in learnt or variant == VARIANTS[0]:
                torch.nn.init.normal_(parameter, std=0.2)
        if variant == VARIANTS[0]:
            shared = network.state_dict()
        save_classifier(network, word_pieces(), folder / "models" / variant)
    save_examples(folder, VARIANTS)
    models = [folder / "models" / variant for variant in VARIANTS]
    (exported,) = export_models(
        models, folder / "export", folder, ExportOptions(name="tiny", least_agreement=0.0)
    )
    return exported.manifest


def test_the_bundled_networks_say_what_the_bundled_graph_says() -> None:
    """But for the rounding of activations, on every variant."""
    path = exported_manifest(BUNDLED)
    assert path is not None
    exported, graph = read_exported(path), TurnDetector.load(path)

    assert tuple(exported.networks) == graph.variants
    for variant, network in exported.networks.items():
        expected = graph.probabilities(TEXTS, [variant] * len(TEXTS))
        assert _judged(network, exported.tokenizer, TEXTS) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("is_mobile", [False, True])
@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_an_export_is_read_back(tmp_path: Path, precision: str, *, is_mobile: bool) -> None:
    """Parameter for parameter: exactly from fp32, within half a step from int8."""
    manifest = _random_export(tmp_path, is_mobile=is_mobile)
    path = manifest if precision == "int8" else manifest.parent / FP32_FOLDER / manifest.name

    exported = read_exported(path)

    for variant, network in exported.networks.items():
        before = load_file(tmp_path / "models" / variant / "model.safetensors")
        for name, parameter in network.state_dict().items():
            step = before[name].abs().max() / 127 if precision == "int8" else 1e-9
            assert (parameter - before[name]).abs().max() <= 0.51 * step, name


def test_a_folder_of_an_export_can_be_named(tmp_path: Path) -> None:
    """As a worker takes it; a folder of transformers is none."""
    manifest = _random_export(tmp_path)

    assert exported_manifest(str(manifest)) == manifest
    assert exported_manifest(str(manifest.parent)) == manifest
    assert exported_manifest(str(write_encoder(tmp_path / "encoder"))) is None
    assert exported_manifest("minilm") is None


def test_an_export_that_does_not_describe_its_encoder_says_what_to_do(tmp_path: Path) -> None:
    path = _random_export(tmp_path)
    write_manifest(msgspec.structs.replace(load_turn_manifest(path), encoder={}), path)

    with pytest.raises(ModelIntegrityError, match="export the model again"):
        read_exported(path)


def test_a_graph_of_another_encoder_is_refused(tmp_path: Path) -> None:
    """Never completed by random weights."""
    path = _random_export(tmp_path)
    about = load_turn_manifest(path)
    wrong = {**about.encoder, "num_hidden_layers": 3}
    write_manifest(msgspec.structs.replace(about, encoder=wrong), path)

    with pytest.raises(ModelIntegrityError, match="no graph to start from"):
        read_exported(path)


def test_a_model_starts_from_the_head_of_its_name(tmp_path: Path) -> None:
    """And one of another name from `general`."""
    make_base(BaseRecipe(model=BUNDLED), list, tmp_path, seed=1)
    path = exported_manifest(BUNDLED)
    assert path is not None
    expected = read_exported(path).networks
    tokenizer = load_tokenizer(tmp_path)

    for name, variant in (("agent", "agent"), ("general", "general"), ("multi", "general")):
        network = starting_classifier(tmp_path, name)
        network.train(False)
        assert _judged(network, tokenizer, TEXTS) == _judged(expected[variant], tokenizer, TEXTS)


@pytest.mark.parametrize("cut", ["layers", "vocabulary", "positions"])
def test_an_exported_base_is_taken_whole(tmp_path: Path, cut: str) -> None:
    recipe = msgspec.structs.replace(BaseRecipe(model=BUNDLED), **{cut: 2})
    with pytest.raises(RecipeError, match=rf"base\.{cut}: 'bundled' was cut when it was trained"):
        make_base(recipe, list, tmp_path, seed=1)


def test_another_base_leaves_no_heads_behind(tmp_path: Path) -> None:
    """In a work folder that is used again."""
    make_base(BaseRecipe(model=BUNDLED), list, tmp_path / "base", seed=1)

    encoder = write_encoder(tmp_path / "encoder")
    make_base(BaseRecipe(model=str(encoder)), list, tmp_path / "base", seed=1)

    assert not (tmp_path / "base" / "heads").exists()
