"""Adapters and models between PEFT and MLX, on MLX's CPU build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.analytics.mlx.files import older_settings
from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from tests.support.analytics.tiny_llm import make_hugging_face, make_peft
from training.analytics.adapters.mlx_folder import read_mlx, write_mlx
from training.analytics.adapters.peft_folder import read_peft, write_peft

pytest.importorskip("mlx_lm", reason="the extra mlx is not installed")

from models.analytics.mlx.model import load_mlx_model
from models.extras.mlx import core as mx
from training.analytics.adapters.mlx_base import convert_base, fuse_mlx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.training.analytics.adapters.conftest import Bases

LAYERS = 3
ROUNDING = 1e-3  # of logits up to 10


@pytest.fixture(autouse=True)
def _uncompiled() -> Iterator[None]:
    """Its CPU build compiles with g++, which takes seconds and may be missing."""
    mx.disable_compile()
    yield
    mx.enable_compile()


def logits_of(base: Path, tokens: tuple[int, ...], adapter: Path | None = None) -> Any:
    model, _ = load_mlx_model(base, adapter)
    return np.array(model(mx.array([tokens]))[0].astype(mx.float32))


def test_mlx_answers_with_the_adapter_as_peft_does(bases: Bases, tmp_path: Path) -> None:
    write_mlx(read_peft(bases.peft), tmp_path / "mlx", LAYERS)

    found = logits_of(bases.hugging_face, bases.TOKENS, tmp_path / "mlx")

    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)
    assert np.abs(found - bases.logits).max() > 1


def test_a_folder_with_the_best_model_alone_loads_too(bases: Bases, tmp_path: Path) -> None:
    write_mlx(read_peft(bases.peft), tmp_path, LAYERS)
    (tmp_path / "adapters.safetensors").rename(tmp_path / "BEST_MODEL.safetensors")

    found = logits_of(bases.hugging_face, bases.TOKENS, tmp_path)

    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)
    assert read_mlx(tmp_path).parameters == read_peft(bases.peft).parameters


def test_peft_answers_with_an_adapter_of_mlx_as_mlx_does(bases: Bases, tmp_path: Path) -> None:
    """Its scale is no whole number of alpha by rank."""
    write_mlx(read_peft(bases.peft), tmp_path / "mlx", LAYERS)
    config = read_object(tmp_path / "mlx" / "adapter_config.json")
    config["lora_parameters"]["scale"] = 1.3
    (tmp_path / "mlx" / "adapter_config.json").write_text(json.dumps(config))
    write_peft(read_mlx(tmp_path / "mlx"), tmp_path / "peft")

    wanted = logits_of(bases.hugging_face, bases.TOKENS, tmp_path / "mlx")

    np.testing.assert_allclose(bases.logits_of_peft(tmp_path / "peft"), wanted, atol=ROUNDING)


def test_a_fused_model_answers_as_base_and_adapter_do(bases: Bases, tmp_path: Path) -> None:
    fuse_mlx(read_peft(bases.peft), bases.hugging_face, tmp_path / "fused")

    found = logits_of(tmp_path / "fused", bases.TOKENS)
    np.testing.assert_allclose(found, bases.logits_with_peft, atol=ROUNDING)


def test_a_base_is_converted_from_either_form_with_its_tokenizer(
    bases: Bases, tmp_path: Path
) -> None:
    convert_base(bases.hugging_face, tmp_path / "one")
    convert_base(bases.gguf, tmp_path / "other")

    for folder in (tmp_path / "one", tmp_path / "other"):
        np.testing.assert_allclose(logits_of(folder, bases.TOKENS), bases.logits, atol=ROUNDING)
        _, tokenizer = load_mlx_model(folder)
        assert tokenizer.decode(tokenizer.encode("where is my parcel")) == "where is my parcel"


def test_a_quantised_base_takes_an_adapter_and_stays_quantised_when_fused(tmp_path: Path) -> None:
    base = make_hugging_face(tmp_path / "hf", intermediate_size=128)
    adapter = read_peft(make_peft(base, tmp_path / "peft"))
    convert_base(base, tmp_path / "q8", bits=8)

    fuse_mlx(adapter, tmp_path / "q8", tmp_path / "fused")

    tokens = (258, *b"where is my parcel", 259)
    write_mlx(adapter, tmp_path / "mlx", LAYERS)
    apart = logits_of(tmp_path / "q8", tokens, tmp_path / "mlx")
    assert read_object(tmp_path / "fused" / "config.json")["quantization"]["bits"] == 8
    assert np.abs(logits_of(tmp_path / "fused", tokens) - apart).mean() < 0.1 * apart.std()


def test_the_rotation_of_a_base_is_what_its_configuration_says(tmp_path: Path) -> None:
    """mlx-lm looks for it under another name than transformers 5 writes."""
    base = make_hugging_face(tmp_path, rope_parameters={"rope_type": "default", "rope_theta": 1e5})

    assert older_settings(base) == {"rope_theta": 1e5}
    model, _ = load_mlx_model(base)
    assert model.args.rope_theta == 1e5


def test_what_cannot_be_loaded_is_refused_in_one_line(bases: Bases, tmp_path: Path) -> None:
    adapter = read_peft(bases.peft)
    write_mlx(adapter, tmp_path / "mlx", LAYERS)
    wide = make_hugging_face(tmp_path / "wide", hidden_size=128)

    with pytest.raises(ModelIntegrityError, match="is of another base"):
        load_mlx_model(wide, tmp_path / "mlx")
    with pytest.raises(ModelNotFoundError, match="no file"):
        load_mlx_model(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="is there already"):
        fuse_mlx(adapter, bases.hugging_face, tmp_path / "mlx")
    with pytest.raises(ConfigurationError, match="5 bits: MLX knows"):
        convert_base(bases.hugging_face, tmp_path / "q5", bits=5)
    (tmp_path / "mlx" / "adapters.safetensors").unlink()
    with pytest.raises(ModelNotFoundError, match="has neither adapters"):
        load_mlx_model(bases.hugging_face, tmp_path / "mlx")
