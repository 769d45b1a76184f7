"""Weights and manifests that do not fit each other are refused when they are loaded."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from whisper.model import Whisper

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.onnx_store import find_graphs
from models.asr.checkpoints.weights import find_weights
from models.asr.engine import load_engine
from models.store.manifest import WEIGHTS
from schemas.errors import ModelIntegrityError
from tests.support.models.checkpoint_forms import write_ctranslate2, write_hugging_face
from tests.support.models.random_whisper import save_checkpoint, write_manifest
from tests.support.models.synthetic_audio import noise

Content = dict[str, Any]
Spoil = Callable[[Content], object]
FIRST, LAST = "encoder.conv1.weight", "decoder.ln.bias"


def drop_tensor(content: Content) -> None:
    del content["model_state_dict"][LAST]


def cut_positions(content: Content) -> None:
    content["dims"]["n_audio_ctx"] = 750


def add_layer(content: Content) -> None:
    content["dims"]["n_text_layer"] = 3


def add_prefix(content: Content) -> None:
    state = content["model_state_dict"]
    content["model_state_dict"] = {f"module.{name}": each for name, each in state.items()}


def add_tensor(content: Content) -> None:
    content["model_state_dict"]["encoder.extra"] = torch.zeros(1)


def set_heads(content: Content) -> None:
    content["dims"]["n_text_head"] = 3


def no_heads(content: Content) -> None:
    content["dims"]["n_text_head"] = 0


def two_widths(content: Content) -> None:
    content["dims"]["n_audio_state"] = 64


def set_number(content: Content) -> None:
    content["model_state_dict"][FIRST] = 1


def set_list(content: Content) -> None:
    content["model_state_dict"] = [1, 2]


def set_tokens(content: Content) -> None:
    content["token_ids"] = [10**6] * content["dims"]["n_vocab"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (drop_tensor, rf"the tensor {LAST} is missing"),
        (cut_positions, r"encoder\.positional_embedding has the shape \(1500, 32\), not \(750, 32"),
        (add_layer, r"the tensor decoder\.blocks\.2\.attn_ln\.weight is missing"),
        (add_prefix, rf"the tensor {FIRST} is missing"),
        (add_tensor, r"the tensor encoder\.extra is none of a Whisper"),
        (set_heads, r"3 heads \(n_text_head\) do not divide 32"),
        (no_heads, r"the dimension n_text_head is 0"),
        (two_widths, r"n_audio_state is 64 and n_text_state 32"),
        (set_number, r"no Whisper checkpoint, or damaged"),
        (set_list, r"no Whisper checkpoint, or damaged"),
        (set_tokens, r"no Whisper checkpoint, or damaged"),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_dimensions_is_told(
    network: Whisper, tmp_path: Path, spoil: Spoil, problem: str
) -> None:
    content = {"dims": asdict(network.dims), "model_state_dict": dict(network.state_dict())}
    spoil(content)
    torch.save(content, tmp_path / "mine.pt")

    with pytest.raises(ModelIntegrityError, match=problem) as raised:
        read_checkpoint(find_weights(str(tmp_path / "mine.pt")))
    assert "mine.pt" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], "text"])
def test_a_file_of_something_else_is_no_checkpoint(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "mine.pt")

    with pytest.raises(ModelIntegrityError, match="no Whisper checkpoint, or damaged"):
        read_checkpoint(find_weights(str(tmp_path / "mine.pt")))


def test_a_folder_whose_tensor_has_another_shape_is_told(network: Whisper, tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path / "folder", network)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.decoder.embed_positions.weight"] = np.zeros((10, 32), np.float32)
    save_file(tensors, folder / "model.safetensors")

    with pytest.raises(ModelIntegrityError, match=r"decoder\.positional_embedding has the shape"):
        read_checkpoint(find_weights(str(folder)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", []),
        ("generation_config.json", []),
        ("generation_config.json", {"alignment_heads": [1, 2]}),
        ("vocabulary.json", {}),
        ("tokenizer.json", {"added_tokens": [], "model": {"vocab": [["a", 1]]}}),
        ("tokenizer.json", []),
        ("model.safetensors.index.json", {}),
        ("model.safetensors.index.json", []),
    ],
)
def test_json_of_another_kind_is_told_by_its_file(
    network: Whisper, tmp_path: Path, name: str, content: object
) -> None:
    folder = write_hugging_face(tmp_path / "folder", network)
    (folder / name).write_text(json.dumps(content))

    with pytest.raises(ModelIntegrityError, match=rf"{name} is not such a file"):
        read_checkpoint(find_weights(str(folder)))


@pytest.mark.parametrize("name", ["vocab.json", "added_tokens.json"])
def test_a_vocabulary_of_another_kind_is_told_by_its_file(
    network: Whisper, tmp_path: Path, name: str
) -> None:
    folder = write_hugging_face(tmp_path / "folder", network, form="vocab.json")
    (folder / name).write_text("[]")

    with pytest.raises(ModelIntegrityError, match=rf"{name} is not such a file"):
        read_checkpoint(find_weights(str(folder)))


def test_a_configuration_of_ctranslate2_of_another_kind_is_told(
    network: Whisper, tmp_path: Path
) -> None:
    folder = write_ctranslate2(tmp_path / "folder", network)
    (folder / "config.json").write_text("[]")

    with pytest.raises(ModelIntegrityError, match=r"config\.json is not such a file"):
        read_checkpoint(find_weights(str(folder)))


def test_heads_that_a_folder_has_not_are_told(network: Whisper, tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path / "folder", network)
    (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": [[9, 9]]}))

    with pytest.raises(ModelIntegrityError, match=r"no head \[9, 9\] of alignment_heads"):
        read_checkpoint(find_weights(str(folder)))


@pytest.mark.parametrize("backend", ["onnx", "torch"])
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"alignment_heads": [[5, 0]]}, r"no head \[5, 0\] of alignment_heads: the decoder has 2"),
        ({"alignment_heads": [[1, 1], [0, -1]]}, r"no head \[0, -1\] of alignment_heads"),
        ({"pad_ms": -500}, r"Expected `int` >= 0 - at `\$\.pad_ms`"),
        ({"max_segment_ms": -1}, r"Expected `int` >= 0 - at `\$\.max_segment_ms`"),
        ({"pad_ms": 30_000, "encoder_context": "cut"}, r"pad_ms is 30000, which leaves no room"),
    ],
)
def test_a_manifest_that_its_weights_cannot_serve_is_refused(
    network: Whisper, tmp_path: Path, backend: Any, fields: Content, problem: str
) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    write_manifest(checkpoint, **fields)

    with pytest.raises(ModelIntegrityError, match=problem):
        load_engine(str(checkpoint), backend=backend, cache=tmp_path / "cache")


def test_exported_graphs_have_the_heads_of_the_manifest_of_today(
    network: Whisper, tmp_path: Path
) -> None:
    """Also once it names none again, which means the upper half of the layers."""
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    samples, cache = noise(2_000), tmp_path / "cache"
    for fields in ({"alignment_heads": [[0, 0]]}, {"alignment_heads": [[1, 1]]}, {}):
        write_manifest(checkpoint, **fields)
        source = str(checkpoint)

        words = load_engine(source, backend="onnx", precision="fp32", cache=cache).transcribe(
            samples
        )

        expected = load_engine(source, backend="torch", precision="fp32").transcribe(samples)
        assert [(w.start_ms, w.end_ms) for w in words.words] == [
            (w.start_ms, w.end_ms) for w in expected.words
        ]
        assert find_graphs(find_weights(source), "fp32", cache) is not None


def test_the_bundled_graphs_are_used_where_they_lie(tmp_path: Path) -> None:
    found = find_graphs(find_weights("bundled"), "int8", tmp_path)

    assert found == WEIGHTS / "asr" / "callstream-en.int8.json"


def test_graphs_are_not_used_for_other_heads_than_theirs(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(WEIGHTS / "asr", tmp_path / "asr"))
    manifest = folder / "callstream-en.json"
    values = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**values, "alignment_heads": [[0, 0]]}))

    assert find_graphs(find_weights(str(manifest)), "int8", tmp_path / "cache") is None


def test_a_name_with_a_slash_is_cached(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    write_manifest(checkpoint, name="acme/en")

    assert load_engine(str(checkpoint), cache=tmp_path / "cache").name == "acme/en"
