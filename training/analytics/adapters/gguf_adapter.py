"""Adapters as llama.cpp reads them: one GGUF file.

Source: llama.cpp, ``convert_lora_to_gguf.py`` and ``src/llama-adapter.cpp``, for the names of the
fields and of the tensors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from models.extras.gguf import gguf
from models.store.gguf_file import LORA_A, LORA_B, read_lora
from schemas.errors import ConfigurationError, ModelIntegrityError
from training.analytics.adapters.lora import make_adapter, place

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.adapters.bases import BaseShape
    from training.analytics.adapters.lora import FloatArray, LoraAdapter

Precision = Literal["f32", "f16"]

QUERIES, KEYS = "self_attn.q_proj", "self_attn.k_proj"
_KINDS = {
    QUERIES: "attn_q",
    KEYS: "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_MODULES = {kind: module for module, kind in _KINDS.items()}
_WEIGHTS = re.compile(r"blk\.(\d+)\.(\w+)\.weight")


def gguf_name(module: str) -> str:
    """Return llama.cpp's name of the weights of a module.

    Raises:
        ModelIntegrityError: It has none.
    """
    layer, kind = place(module)
    if kind not in _KINDS:
        raise ModelIntegrityError(f"adapter: llama.cpp knows no {kind}")
    return f"blk.{layer}.{_KINDS[kind]}.weight"


def module_of(name: str) -> str:
    """Return the module whose weights llama.cpp calls so.

    Raises:
        ModelIntegrityError: There is none.
    """
    found = _WEIGHTS.fullmatch(name)
    if found is None or found[2] not in _MODULES:
        raise ModelIntegrityError(f"adapter: {name} is no linear layer of attention or MLP")
    return f"model.layers.{found[1]}.{_MODULES[found[2]]}"


def reorder_rows(rows: FloatArray, module: str, base: BaseShape) -> FloatArray:
    """Return the rows of weights, or of a matrix B, in llama.cpp's order."""
    heads = _reordered_heads(module, base)
    if not heads:
        return rows
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(rows.shape)


def restore_rows(rows: FloatArray, module: str, base: BaseShape) -> FloatArray:
    """Return the rows of weights, or of a matrix B, in Hugging Face's order."""
    heads = _reordered_heads(module, base)
    if not heads:
        return rows
    pairs = rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1)
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def _reordered_heads(module: str, base: BaseShape) -> int:
    """Return how many heads are reordered each by itself; 0 where the order is the same."""
    kind = place(module)[1]
    if not base.is_reordered or kind not in {QUERIES, KEYS}:
        return 0
    return base.heads if kind == QUERIES else base.kv_heads


def write_gguf(
    adapter: LoraAdapter, path: Path, base: BaseShape, precision: Precision = "f32"
) -> None:
    """Write an adapter as llama.cpp reads it, whole or not at all.

    Args:
        adapter: The adapter.
        path: Of the file.
        base: Shape of the model that it belongs to.
        precision: Of the matrices.

    Raises:
        ConfigurationError: The adapter has layers that the base has not.
    """
    if adapter.layers[-1] >= base.layers:
        msg = f"the adapter has a layer {adapter.layers[-1]}, its base only {base.layers} layers"
        raise ConfigurationError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    writer = gguf.GGUFWriter(partial, base.architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", adapter.alpha)
    dtype = np.float32 if precision == "f32" else np.float16
    for module, pair in adapter.pairs.items():
        name = gguf_name(module)
        b = reorder_rows(pair.b, module, base)
        writer.add_tensor(name + LORA_A, pair.a.astype(dtype))
        writer.add_tensor(name + LORA_B, np.ascontiguousarray(b, dtype))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def read_gguf(path: Path, base: BaseShape) -> LoraAdapter:
    """Return the adapter of a file.

    Args:
        path: Of the file.
        base: Shape of the model that it belongs to.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: It is damaged, or no linear layers are adapted.
        ConfigurationError: It is no LoRA adapter, or of another base.
    """
    found = read_lora(path)
    if found.architecture != base.architecture:
        msg = f"{path} is for a {found.architecture} model, the base is of {base.architecture}"
        raise ConfigurationError(msg)
    matrices = {}
    for name, (a, b) in found.pairs.items():
        module = module_of(name)
        matrices[module] = (a, restore_rows(b, module, base))
    return make_adapter("", found.scale, matrices, 0.0)
