"""Adapters of PEFT as files of llama.cpp, and models with an adapter added.

transformers reads the GGUF files back and undoes the order of the rows by code of its own.
"""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.extras.gguf import gguf
from models.store.gguf_file import read_field
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from tests.support.analytics.tiny_llm import (
    make_gguf,
    make_hugging_face,
    make_peft,
    vocabulary,
)
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import read_gguf, write_gguf
from training.analytics.adapters.gguf_model import fuse_gguf
from training.analytics.adapters.peft_folder import read_peft, write_peft

if TYPE_CHECKING:
    from tests.unit.training.analytics.adapters.conftest import Bases
    from training.analytics.adapters.gguf_adapter import Precision

LETTERS = 94  # tokens that are one ASCII character, the first ones
ROUNDING = 2e-3  # of logits up to 10
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def test_an_adapter_changes_the_answer_by_much(bases: Bases) -> None:
    """Otherwise parity would show nothing."""
    assert np.abs(bases.logits_with_peft - bases.logits).max() > 1


def test_a_gguf_adapter_added_to_its_base_answers_as_peft_does(
    bases: Bases, tmp_path: Path
) -> None:
    """Added as llama.cpp adds it: no row is moved, the factor is alpha by rank."""
    shape = read_shape(bases.hugging_face)
    write_gguf(read_peft(bases.peft), tmp_path / "adapter.gguf", shape)
    fused = Path(shutil.copy(bases.gguf, tmp_path / "fused.gguf"))

    adapter = gguf.GGUFReader(tmp_path / "adapter.gguf")
    matrices = {each.name: each.data for each in adapter.tensors}
    scale = read_field(adapter, "adapter.lora.alpha") / 4  # type: ignore[operator]
    for tensor in gguf.GGUFReader(fused, "r+").tensors:
        if f"{tensor.name}.lora_a" in matrices:
            a, b = matrices.pop(f"{tensor.name}.lora_a"), matrices.pop(f"{tensor.name}.lora_b")
            tensor.data[...] += scale * (b @ a)

    assert not matrices
    found = bases.logits_of_gguf(fused)
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)


def test_a_gguf_model_with_the_adapter_added_answers_as_peft_does(
    bases: Bases, tmp_path: Path
) -> None:
    told: list[str] = []
    fuse_gguf(read_peft(bases.peft), bases.gguf, tmp_path / "fused.gguf", advance=told.append)

    found = bases.logits_of_gguf(tmp_path / "fused.gguf")
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)
    assert len(told) == len(gguf.GGUFReader(bases.gguf).tensors)


def test_q8_0_is_near_and_says_what_it_is(bases: Bases, tmp_path: Path) -> None:
    """Rows of 64 and 96 hold whole blocks of 32; vectors stay as they are."""
    fuse_gguf(read_peft(bases.peft), bases.gguf, tmp_path / "exact.gguf")
    fuse_gguf(read_peft(bases.peft), bases.gguf, tmp_path / "fused.gguf", "Q8_0")

    exact, written = (gguf.GGUFReader(tmp_path / f"{name}.gguf") for name in ("exact", "fused"))
    for one, other in zip(exact.tensors, written.tensors, strict=True):
        wanted, found = one.data, gguf.dequantize(other.data, other.tensor_type)
        assert np.abs(found - wanted).max() < np.abs(wanted).max() / 127
    assert read_field(written, "general.file_type") == gguf.LlamaFileType.MOSTLY_Q8_0
    kinds = {each.name: each.tensor_type.name for each in written.tensors}
    assert kinds["blk.0.attn_q.weight"] == "Q8_0"
    assert kinds["blk.0.attn_norm.weight"] == "F32"


def test_a_copy_without_an_adapter_keeps_every_field_and_tensor(
    bases: Bases, tmp_path: Path
) -> None:
    fuse_gguf(None, bases.gguf, tmp_path / "copy.gguf")

    one, other = gguf.GGUFReader(bases.gguf), gguf.GGUFReader(tmp_path / "copy.gguf")
    fields = {name: field.contents() for name, field in one.fields.items()}
    assert {name: field.contents() for name, field in other.fields.items()} == fields
    for before, after in zip(one.tensors, other.tensors, strict=True):
        assert before.name == after.name
        np.testing.assert_array_equal(before.data, after.data)


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 0.0), ("f16", 1e-3)])
def test_reading_a_gguf_adapter_gives_back_what_was_written(
    bases: Bases, tmp_path: Path, precision: Precision, tolerance: float
) -> None:
    shape, adapter = read_shape(bases.gguf), read_peft(bases.peft)
    write_gguf(adapter, tmp_path / "a.gguf", shape, precision)

    back = read_gguf(tmp_path / "a.gguf", shape)

    assert back.scale == adapter.scale
    assert list(back.pairs) == list(adapter.pairs)
    for name, pair in adapter.pairs.items():
        np.testing.assert_allclose(back.pairs[name].a, pair.a, atol=tolerance)
        np.testing.assert_allclose(back.pairs[name].b, pair.b, atol=tolerance)


def test_peft_loads_an_adapter_that_was_read_from_gguf(bases: Bases, tmp_path: Path) -> None:
    shape = read_shape(bases.hugging_face)
    write_gguf(read_peft(bases.peft), tmp_path / "a.gguf", shape)
    write_peft(read_gguf(tmp_path / "a.gguf", shape), tmp_path / "peft")

    found = bases.logits_of_peft(tmp_path / "peft")
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)


def test_a_base_has_the_same_shape_in_either_form(bases: Bases) -> None:
    assert read_shape(bases.gguf) == read_shape(bases.hugging_face)


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    three = make_hugging_face(tmp_path / "three")
    adapter = read_peft(make_peft(three, tmp_path / "peft"))
    two = make_hugging_face(tmp_path / "two", num_hidden_layers=2)

    with pytest.raises(ConfigurationError, match="a layer 2, its base only 2 layers"):
        write_gguf(adapter, tmp_path / "a.gguf", read_shape(two))
    with pytest.raises(ConfigurationError, match=r"it changes blk\.2.* is not there"):
        fuse_gguf(adapter, make_gguf(two, tmp_path / "two.gguf"), tmp_path / "fused.gguf")
    wide = make_hugging_face(tmp_path / "wide", hidden_size=128)
    with pytest.raises(
        ConfigurationError, match=r"it changes blk\.0.*, which is \(128, 96\) there"
    ):
        fuse_gguf(adapter, make_gguf(wide, tmp_path / "wide.gguf"), tmp_path / "fused.gguf")
    assert not list(tmp_path.glob("fused.gguf*"))


def test_files_that_are_none_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and no more")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')

    with pytest.raises(ModelNotFoundError, match="no base model at"):
        read_shape(tmp_path / "nowhere")
    with pytest.raises(ModelIntegrityError, match="no GGUF file, or damaged"):
        read_shape(tmp_path / "broken.gguf")
    with pytest.raises(ConfigurationError, match="is a gpt2 model"):
        read_shape(tmp_path)


def test_llama_cpp_answers_with_the_adapter_as_peft_does(bases: Bases, tmp_path: Path) -> None:
    """Its cache keeps 16 bits, hence the tolerance; the adapter moves them by more than 3."""
    pytest.importorskip("xllamacpp", reason="llama.cpp in the process is not installed")
    shape = read_shape(bases.hugging_face)
    write_gguf(read_peft(bases.peft), tmp_path / "adapter.gguf", shape)

    likeliest = bases.logits_with_peft.argmax(-1)
    last = int(np.flatnonzero(likeliest < LETTERS)[-1])  # it tells nothing of half a letter

    found = llama_cpp_logprobs(bases.gguf, tmp_path / "adapter.gguf", bases.TOKENS[: last + 1])

    wanted = logprobs(bases.logits_with_peft[last])
    np.testing.assert_allclose(found, wanted, atol=0.02)
    assert np.abs(wanted - logprobs(bases.logits[last])).max() > 1


def logprobs(logits: Any) -> Any:
    return logits - np.logaddexp.reduce(logits)


def llama_cpp_logprobs(base: Path, adapter: Path, tokens: tuple[int, ...]) -> Any:
    """Return those of the next token."""
    xllamacpp: Any = import_module("xllamacpp")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(base)
    settings.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    settings.n_ctx, settings.n_parallel, settings.cpuparams.n_threads = 256, 1, 1
    settings.warmup = False
    words = len(vocabulary())
    request = {"prompt": list(tokens), "n_predict": 1, "temperature": 0, "n_probs": words}
    answer = xllamacpp.Server(settings).handle_completions(request)
    found = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    by_token = {each["id"]: each["logprob"] for each in found}
    return np.array([by_token[token] for token in range(words)])
