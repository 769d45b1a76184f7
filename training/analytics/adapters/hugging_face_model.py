"""Whole models as folders of Hugging Face, with an adapter added."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np

from models.analytics.mlx.files import BASE_CONFIG
from schemas.errors import ConfigurationError, ModelNotFoundError
from training.analytics.adapters.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.analytics.adapters.lora import LoraAdapter

_WEIGHTS = "*.safetensors"
_OTHER_WEIGHTS = ("*.bin", "*.gguf", "*.pt", "*.pth", "*.onnx")


def fuse_hugging_face(
    adapter: LoraAdapter,
    base: Path,
    out: Path,
    advance: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a copy of a model with an adapter added to its weights.

    One file of weights is in memory at a time; each weight keeps its precision.

    Args:
        adapter: Of this model.
        base: Folder of the model.
        out: Folder to write; it must not exist.
        advance: Told the name of every file of weights that was written.

    Raises:
        ModelNotFoundError: The folder holds no weights.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: The adapter is of another base, or ``out`` is there.
    """
    files = sorted(base.glob(_WEIGHTS))
    if not files or not (base / BASE_CONFIG).is_file():
        raise ModelNotFoundError(f"{base} is no folder with {BASE_CONFIG} and {_WEIGHTS}")
    refuse_existing(out)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(base, partial, ignore=shutil.ignore_patterns(_WEIGHTS, *_OTHER_WEIGHTS))
    left = set(adapter.pairs)
    for file in files:
        tensors = read_tensors(file)
        for module in sorted(left & {name.removesuffix(".weight") for name in tensors}):
            weights, delta = tensors[f"{module}.weight"], adapter.delta(module)
            if weights.shape != delta.shape:
                msg = f"the adapter is of another base: it changes {module} of {delta.shape}, "
                raise ConfigurationError(f"{msg}which is {weights.shape} in {base}")
            fused = weights.astype(np.float32) + delta
            tensors[f"{module}.weight"] = fused.astype(weights.dtype)
            left.remove(module)
        write_tensors(tensors, partial / file.name, "pt")
        advance(file.name)
    if left:
        raise ConfigurationError(f"the adapter changes {min(left)}, which {base} has not")
    partial.rename(out)


def refuse_existing(out: Path) -> None:
    """Raise `ConfigurationError` where there is something already."""
    if out.exists():
        raise ConfigurationError(f"{out} is there already: remove it, or name another place")
