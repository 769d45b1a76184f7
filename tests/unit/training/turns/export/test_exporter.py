from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch

from models.turns.detector import TurnDetector
from models.turns.manifest import load_turn_manifest
from schemas.errors import ConfigurationError, ModelIntegrityError
from tests.support.models.tiny_trained_turns import (
    NAME,
    bert_config,
    export_tiny,
    mobilebert_config,
    save_examples,
    save_trained,
)
from tests.support.models.tiny_turns import WORDS
from training.core.errors import MissingDataError
from training.text.quantise import product_inputs, quantise
from training.turns.export.exporter import ExportOptions, export_models
from training.turns.export.graph import read_model, trace
from training.turns.learning.classifier import load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedConfig
    from typer.testing import Result

VARIANTS = ("general", "domain", "agent", "customer")
OPTIONS = ExportOptions(name=NAME, least_agreement=0.5)
TEXTS = [" ".join(WORDS[:n]) for n in (1, 3, 7, 12)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a work folder with four models on one encoder, and their prepared data."""
    work = tmp_path_factory.mktemp("work")
    save_trained([work / "models" / name for name in VARIANTS], bert_config())
    save_examples(work, VARIANTS)
    return work


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    """Return the manifest of their export in int8."""
    folders = [trained / "models" / name for name in VARIANTS]
    (one,) = export_models(folders, trained / "out", trained, OPTIONS)
    return one.manifest


def trained_probabilities(folder: Path, *, length: int | None = None) -> list[float]:
    """Return what the trained network itself says, its texts padded as in training."""
    model, tokenizer = load_classifier(folder)
    found = []
    for text in TEXTS:
        padding = {"padding": "max_length", "max_length": length} if length else {}
        feed = tokenizer(text, return_tensors="pt", return_token_type_ids=False, **padding)
        with torch.inference_mode():
            found.append(model(**feed).logits.softmax(-1)[0, 1].item())
    return found


def test_models_with_one_encoder_become_one_graph_with_an_output_for_each(exported: Path) -> None:
    manifest = load_turn_manifest(exported)
    graph = onnx.load(exported.with_name(manifest.file)).graph

    assert manifest.variants == VARIANTS
    assert [one.dim_value for one in graph.output[0].type.tensor_type.shape.dim][1:] == [4, 2]
    assert set(manifest.source_sha256) == set(VARIANTS)


def test_the_fp32_graph_says_what_the_trained_models_say(trained: Path, exported: Path) -> None:
    detector = TurnDetector.load(exported.parent / "fp32" / exported.name)

    for variant in VARIANTS:
        expected = trained_probabilities(trained / "models" / variant)
        found = detector.probabilities(TEXTS, [variant] * len(TEXTS))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_int8_graph_says_nearly_the_same_in_fewer_bytes(exported: Path) -> None:
    fp32 = exported.parent / "fp32" / exported.name
    for variant in VARIANTS:
        exact, rounded = (
            TurnDetector.load(path).probabilities(TEXTS, [variant] * len(TEXTS))
            for path in (fp32, exported)
        )
        np.testing.assert_allclose(rounded, exact, atol=0.15)  # random weights amplify
        assert rounded != exact
    sizes = [path.with_suffix(".onnx").stat().st_size for path in (exported, fp32)]
    assert sizes[0] < sizes[1] / 2


def test_models_with_encoders_of_their_own_become_a_graph_each(tmp_path: Path) -> None:
    folders = [tmp_path / "models" / name for name in ("general", "agent")]
    save_trained(folders, bert_config(), is_shared=False)
    save_examples(tmp_path, ["general", "agent"])

    exports = export_models(folders, tmp_path / "out", tmp_path, OPTIONS)

    assert [one.manifest.stem for one in exports] == [f"{NAME}-general", f"{NAME}-agent"]


def test_a_mobile_bert_is_exported_with_its_padding(tmp_path: Path) -> None:
    """Its output depends on padding: what training padded, the live path pads."""
    manifest = export_tiny(tmp_path, config=mobilebert_config())
    detector = TurnDetector.load(manifest.parent / "fp32" / manifest.name)

    found = detector.probabilities(TEXTS, ["general"] * len(TEXTS))

    expected = trained_probabilities(tmp_path / "work" / "models" / "general", length=128)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("config", [bert_config(), mobilebert_config()])
def test_every_large_product_is_one_of_whole_numbers(
    tmp_path: Path, config: PreTrainedConfig
) -> None:
    save_trained([tmp_path / "general"], config)
    graph = trace([read_model(tmp_path / "general").network])

    rounded = quantise(graph, None)

    large = [one for one in rounded.graph.initializer if np.prod(one.dims) >= 4_096]
    assert product_inputs(graph)
    assert product_inputs(rounded) == []
    assert {one.data_type for one in large} == {onnx.TensorProto.INT8}


def test_fixed_scales_are_those_of_texts_of_training(trained: Path) -> None:
    folders = [trained / "models" / "general"]
    options = ExportOptions(name=NAME, least_agreement=0.5, scales="fixed")

    (one,) = export_models(folders, trained / "fixed", trained, options)

    manifest = load_turn_manifest(one.manifest)
    kinds = {node.op_type for node in onnx.load(one.manifest.with_suffix(".onnx")).graph.node}
    assert manifest.precision == "int8, fixed scales"
    assert "ReduceMax" not in kinds
    assert one.int8["general"].largest_difference < 0.1


def test_int8_that_disagrees_is_not_installed(trained: Path, tmp_path: Path) -> None:
    options = ExportOptions(name=NAME, least_agreement=1.01)

    with pytest.raises(ModelIntegrityError, match="int8 agrees with fp32"):
        export_models([trained / "models" / "general"], tmp_path / "out", trained, options)

    assert list((tmp_path / "out").iterdir()) == []


def test_two_models_of_one_name_are_a_mistake(trained: Path, tmp_path: Path) -> None:
    folder = trained / "models" / "general"

    with pytest.raises(ConfigurationError, match="need different names"):
        export_models([folder, folder], tmp_path, trained, OPTIONS)


def test_a_folder_without_weights_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        export_models([tmp_path], tmp_path / "out", tmp_path, OPTIONS)


def test_texts_to_compare_on_are_needed(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="prepare the data"):
        export_models([trained / "models" / "general"], tmp_path / "out", tmp_path, OPTIONS)


def test_it_prints_how_far_each_precision_is_off(
    run_train: Callable[..., Result], trained: Path, tmp_path: Path
) -> None:
    folder = str(trained / "models" / "general")
    arguments = [folder, "--data", str(trained), "--out", str(tmp_path), "--no-fp32"]

    result = run_train("turns-export", *arguments, "--least-agreement", "0.5")

    assert result.exit_code == 0, result.output
    assert "int8" in result.output
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "callstream-turns-en.json",
        "callstream-turns-en.onnx",
        "callstream-turns-en.tokenizer.json",
    ]


def test_an_expected_failure_is_one_line(run_train: Callable[..., Result], tmp_path: Path) -> None:
    result = run_train("turns-export", tmp_path, "--out", tmp_path / "out")

    assert result.exit_code == 1
    assert result.output.startswith("callstream: ")
    assert "Traceback" not in result.output
