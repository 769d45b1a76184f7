"""Adapters as mlx-lm keeps them: ``adapter_config.json`` and ``adapters.safetensors``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.analytics.mlx.files import ADAPTER, ADAPTER_CONFIG, find_adapter
from models.store.json_object import read_object
from models.store.lora_pairs import pair_up
from schemas.errors import ConfigurationError, ModelIntegrityError
from training.analytics.adapters.lora import make_adapter
from training.analytics.adapters.tensors import read_matrices, write_tensors
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.analytics.adapters.lora import FloatArray, LoraAdapter, LoraPair

_A, _B = ".lora_a", ".lora_b"


def read_mlx(folder: Path) -> LoraAdapter:
    """Return the adapter of a folder.

    Raises:
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: A file is damaged, or no linear layers are adapted.
        ConfigurationError: It is no LoRA adapter.
    """
    config = read_object(folder / ADAPTER_CONFIG)
    kind = config.get("fine_tune_type", "lora")
    if kind != "lora":
        msg = f"{folder}: fine_tune_type is {kind}; only plain LoRA can be converted"
        raise ConfigurationError(msg)
    try:
        settings = config["lora_parameters"]
        scale, dropout = float(settings["scale"]), float(settings.get("dropout") or 0.0)
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{folder / ADAPTER_CONFIG} lacks a setting of LoRA: {error}"
        raise ModelIntegrityError(msg) from error
    return from_mlx(
        read_matrices(find_adapter(folder)), str(config.get("model") or ""), scale, dropout
    )


def from_mlx(
    tensors: Mapping[str, FloatArray], base: str, scale: float, dropout: float
) -> LoraAdapter:
    """Return the adapter of MLX's matrices, which are transposed to those of the paper."""
    pairs = pair_up(tensors, _A, _B)
    return make_adapter(base, scale, {name: (a.T, b.T) for name, (a, b) in pairs.items()}, dropout)


def to_mlx(pairs: Mapping[str, LoraPair]) -> dict[str, FloatArray]:
    """Return MLX's matrices of an adapter's, by their names there."""
    matrices = {name + _A: pair.a.T for name, pair in pairs.items()}
    return matrices | {name + _B: pair.b.T for name, pair in pairs.items()}


def write_mlx(adapter: LoraAdapter, folder: Path, layers: int) -> None:
    """Write an adapter as mlx-lm reads it.

    Layers and kinds that this adapter leaves out are adapted by zero, where mlx-lm needs a
    rectangle: the last ``num_layers`` layers, each with the same kinds.

    Args:
        adapter: The adapter.
        folder: To write to.
        layers: Of the base model.

    Raises:
        ConfigurationError: The adapter has layers that the base has not.
    """
    if adapter.layers[-1] >= layers:
        msg = f"the adapter has a layer {adapter.layers[-1]}, its base only {layers} layers"
        raise ConfigurationError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(to_mlx(adapter.pairs), folder / ADAPTER, "mlx")
    write_json(folder / ADAPTER_CONFIG, mlx_config(adapter, layers - adapter.layers[0]))


def mlx_config(adapter: LoraAdapter, adapted_layers: int) -> dict[str, Any]:
    """Return the description that mlx-lm builds the adapted layers from."""
    return {
        "fine_tune_type": "lora",
        "model": adapter.base,
        "num_layers": adapted_layers,
        "lora_parameters": {
            "rank": adapter.rank,
            "scale": adapter.scale,
            "dropout": adapter.dropout,
            "keys": list(adapter.keys),
        },
    }
