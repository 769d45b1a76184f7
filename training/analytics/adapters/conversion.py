"""From one form of an adapter to another: PEFT, MLX and GGUF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models.analytics.mlx.files import ADAPTER_CONFIG
from models.store.gguf_file import is_gguf, open_gguf, read_field
from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelNotFoundError
from training.analytics.adapters.bases import read_shape
from training.analytics.adapters.gguf_adapter import read_gguf, write_gguf
from training.analytics.adapters.mlx_folder import read_mlx, write_mlx
from training.analytics.adapters.peft_folder import read_peft, write_peft

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.adapters.bases import BaseShape
    from training.analytics.adapters.gguf_adapter import Precision
    from training.analytics.adapters.lora import LoraAdapter

AdapterForm = Literal["peft", "mlx", "gguf"]


def form_of(path: Path) -> AdapterForm | None:
    """Return the form of an adapter; None if this is none.

    Raises:
        ModelIntegrityError: Its description is damaged.
    """
    if is_gguf(path):
        return "gguf" if read_field(open_gguf(path), "general.type") == "adapter" else None
    if not (path / ADAPTER_CONFIG).is_file():
        return None
    return "peft" if "peft_type" in read_object(path / ADAPTER_CONFIG) else "mlx"


def read_adapter(path: Path, base: Path | None = None) -> LoraAdapter:
    """Return the adapter of a folder or file of any form.

    Args:
        path: Of the adapter.
        base: Its base model; a GGUF adapter cannot be read without.

    Raises:
        ModelNotFoundError: There is none.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: It is more than plain LoRA, or its base is not given.
    """
    form = form_of(path)
    if form == "peft":
        return read_peft(path)
    if form == "mlx":
        return read_mlx(path)
    if form == "gguf":
        return read_gguf(path, _shape(base, "a GGUF adapter is read"))
    raise ModelNotFoundError(
        f"no adapter at {path}: give a folder with {ADAPTER_CONFIG}, or a GGUF file of an adapter"
    )


def write_adapter(
    adapter: LoraAdapter,
    out: Path,
    form: AdapterForm,
    base: Path | None = None,
    precision: Precision = "f32",
) -> None:
    """Write an adapter in a form.

    Args:
        adapter: The adapter.
        out: Folder, or file of a GGUF adapter.
        form: To write.
        base: Its base model in any form; PEFT's form alone can be written without.
        precision: Of the matrices of a GGUF adapter; the other forms are fp32.

    Raises:
        ModelNotFoundError: There is no such base.
        ConfigurationError: The base is not given, or is another.
    """
    if form == "peft":
        write_peft(adapter, out)
    elif form == "mlx":
        write_mlx(adapter, out, _shape(base, "an adapter of MLX is written").layers)
    else:
        write_gguf(adapter, out, _shape(base, "a GGUF adapter is written"), precision)


def _shape(base: Path | None, purpose: str) -> BaseShape:
    if base is None:
        raise ConfigurationError(f"{purpose} by the shape of its base: name it with --base")
    return read_shape(base)
