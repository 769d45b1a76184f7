"""Adapters of any form are recognised, and what is no plain LoRA is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from tests.support.analytics.tiny_llm import load_hugging_face, logits_of, make_peft
from training.analytics.adapters.conversion import form_of, read_adapter, write_adapter
from training.analytics.adapters.gguf_base import write_hugging_face
from training.analytics.adapters.hugging_face_model import fuse_hugging_face
from training.analytics.adapters.lora import make_adapter

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.unit.training.analytics.adapters.conftest import Bases
    from training.analytics.adapters.conversion import AdapterForm

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
ROUNDING = 1e-3


def test_an_adapter_is_the_same_after_a_round_through_every_form(
    bases: Bases, tmp_path: Path
) -> None:
    forms: tuple[AdapterForm, ...] = ("mlx", "gguf", "peft", "gguf", "mlx", "peft")
    source, base = bases.peft, bases.gguf
    for number, form in enumerate(forms):
        out = tmp_path / f"{number}.{form}"
        write_adapter(read_adapter(source, base), out, form, base)
        assert form_of(out) == form
        source = out

    first, last = read_adapter(bases.peft), read_adapter(source)
    assert last.scale == first.scale
    for name, pair in first.pairs.items():
        np.testing.assert_array_equal(last.pairs[name].a, pair.a)
        np.testing.assert_array_equal(last.pairs[name].b, pair.b)


def test_a_fused_folder_answers_as_peft_does(bases: Bases, tmp_path: Path) -> None:
    told: list[str] = []
    fuse_hugging_face(read_adapter(bases.peft), bases.hugging_face, tmp_path / "fused", told.append)

    found = logits_of(load_hugging_face(tmp_path / "fused"), bases.TOKENS)
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)
    assert told == ["model.safetensors"]
    assert (tmp_path / "fused" / "tokenizer.json").is_file()


def test_a_gguf_base_becomes_a_folder_with_the_same_answers(bases: Bases, tmp_path: Path) -> None:
    write_hugging_face(bases.gguf, tmp_path / "hf")

    found = logits_of(load_hugging_face(tmp_path / "hf"), bases.TOKENS)
    np.testing.assert_allclose(found, bases.logits, atol=ROUNDING)


def test_an_adapter_of_some_modules_of_some_layers_is_kept_as_it_is(
    bases: Bases, tmp_path: Path
) -> None:
    """PEFT's names of kinds and layers cannot say it, whole paths can."""
    whole = read_adapter(bases.peft)
    chosen = list(whole.pairs)[:9]
    some = make_adapter(
        "", whole.scale, {name: (whole.pairs[name].a, whole.pairs[name].b) for name in chosen}, 0.0
    )
    assert not some.is_regular

    write_adapter(some, tmp_path / "peft", "peft")
    fuse_hugging_face(some, bases.hugging_face, tmp_path / "fused")

    wanted = logits_of(load_hugging_face(tmp_path / "fused"), bases.TOKENS)
    found = bases.logits_of_peft(tmp_path / "peft")
    np.testing.assert_allclose(found, wanted, atol=ROUNDING)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("use_dora", True, "use_dora; only plain LoRA"),
        ("rank_pattern", {"q_proj": 2}, "rank_pattern; only plain LoRA"),
        ("modules_to_save", ["lm_head"], "modules_to_save; only plain LoRA"),
        ("bias", "all", "bias; only plain LoRA"),
        ("peft_type", "LOHA", "no LoRA adapter of PEFT"),
    ],
)
def test_more_than_plain_lora_is_refused(
    bases: Bases, tmp_path: Path, setting: str, value: Any, message: str
) -> None:
    config = read_object(bases.peft / "adapter_config.json") | {setting: value}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))

    with pytest.raises(ConfigurationError, match=message):
        read_adapter(tmp_path)


def test_rank_stabilised_lora_keeps_its_scale(bases: Bases, tmp_path: Path) -> None:
    folder = make_peft(bases.hugging_face, tmp_path, rank=4, alpha=8, use_rslora=True)

    assert read_adapter(folder).scale == 4.0
    write_adapter(read_adapter(folder), tmp_path / "plain", "peft")
    np.testing.assert_allclose(
        bases.logits_of_peft(tmp_path / "plain"), bases.logits_of_peft(folder), atol=ROUNDING
    )


def test_matrices_that_do_not_fit_are_refused() -> None:
    q, k = "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj"
    four, two = np.zeros((4, 8), np.float32), np.zeros((2, 8), np.float32)

    with pytest.raises(ModelIntegrityError, match="not \\(rank, inputs\\)"):
        make_adapter("", 1.0, {q: (four, two)}, 0.0)
    with pytest.raises(ModelIntegrityError, match=r"ranks \[2, 4\]"):
        make_adapter("", 1.0, {q: (four, four.T), k: (two, two.T)}, 0.0)
    with pytest.raises(ModelIntegrityError, match="no matrices"):
        make_adapter("", 1.0, {}, 0.0)
    with pytest.raises(ModelIntegrityError, match="lm_head is no linear layer"):
        make_adapter("", 1.0, {"lm_head": (four, four.T)}, 0.0)


def test_what_a_conversion_misses_is_named(bases: Bases, tmp_path: Path) -> None:
    adapter = read_adapter(bases.peft)

    with pytest.raises(ConfigurationError, match=r"a GGUF adapter is written .*--base"):
        write_adapter(adapter, tmp_path / "a.gguf", "gguf")
    with pytest.raises(ModelNotFoundError, match="no adapter at"):
        read_adapter(bases.gguf)
    with pytest.raises(ModelNotFoundError, match="no adapter at"):
        read_adapter(tmp_path / "nowhere")
