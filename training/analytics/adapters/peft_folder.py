"""Adapters as PEFT keeps them: ``adapter_config.json`` and ``adapter_model.safetensors``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from models.store.json_object import read_object
from models.store.lora_pairs import pair_up
from schemas.errors import ConfigurationError
from training.analytics.adapters.lora import make_adapter, place
from training.analytics.adapters.tensors import read_matrices, write_tensors
from training.core.json_files import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.adapters.lora import LoraAdapter

CONFIG = "adapter_config.json"
TENSORS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"
_UNSUPPORTED = ("use_dora", "rank_pattern", "alpha_pattern", "modules_to_save", "use_qalora")


def read_peft(folder: Path) -> LoraAdapter:
    """Return the adapter of a folder.

    Raises:
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: A file is damaged, or no linear layers are adapted.
        ConfigurationError: It is more than plain LoRA.
    """
    config = read_object(folder / CONFIG)
    _check(folder, config)
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    pairs = pair_up(read_matrices(folder / TENSORS), _A, _B)
    return make_adapter(
        str(config.get("base_model_name_or_path") or ""),
        alpha / (math.sqrt(rank) if config.get("use_rslora") else rank),
        {name.removeprefix(_PREFIX): (a, b) for name, (a, b) in pairs.items()},
        float(config.get("lora_dropout") or 0.0),
    )


def _check(folder: Path, config: dict[str, Any]) -> None:
    if config.get("peft_type") != "LORA" or "r" not in config or "lora_alpha" not in config:
        msg = f"{folder}: {CONFIG} describes no LoRA adapter of PEFT"
        raise ConfigurationError(msg)
    used = [key for key in _UNSUPPORTED if config.get(key)]
    if config.get("bias", "none") != "none":
        used.append("bias")
    if used:
        msg = f"{folder}: the adapter uses {', '.join(used)}; only plain LoRA can be converted"
        raise ConfigurationError(msg)


def write_peft(adapter: LoraAdapter, folder: Path) -> None:
    """Write an adapter as PEFT reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, pair in adapter.pairs.items():
        tensors[f"{_PREFIX}{name}{_A}"] = pair.a
        tensors[f"{_PREFIX}{name}{_B}"] = pair.b
    write_tensors(tensors, folder / TENSORS, "pt")
    alpha = adapter.alpha
    targets: dict[str, object] = {"target_modules": sorted(adapter.pairs)}
    if adapter.is_regular:
        kinds = sorted({place(name)[1].split(".")[-1] for name in adapter.pairs})
        targets = {"target_modules": kinds, "layers_to_transform": list(adapter.layers)}
    write_json(
        folder / CONFIG,
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": adapter.base,
            "r": adapter.rank,
            "lora_alpha": int(alpha) if alpha.is_integer() else alpha,
            "lora_dropout": adapter.dropout,
            "bias": "none",
            "inference_mode": True,
        }
        | targets,
    )
