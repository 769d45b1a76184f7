"""Whole models as folders of MLX: converted, quantised, with an adapter added."""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.analytics.mlx.model import add_adapter, load_mlx_base
from models.extras.mlx_lm import language_models, trees
from models.store.gguf_file import is_gguf
from schemas.errors import ConfigurationError
from training.analytics.adapters.gguf_base import write_hugging_face
from training.analytics.adapters.hugging_face_model import refuse_existing
from training.analytics.adapters.mlx_folder import write_mlx

if TYPE_CHECKING:
    from training.analytics.adapters.lora import LoraAdapter

GROUP = 64  # weights that share a scale
BITS = (2, 3, 4, 6, 8)


def convert_base(base: Path, out: Path, bits: int = 0) -> None:
    """Write a base model as MLX keeps it.

    Args:
        base: Folder of Hugging Face or MLX, or a GGUF file.
        out: Folder to write; it must not exist.
        bits: Of a weight; 0 keeps the precision.

    Raises:
        ModelNotFoundError: There is none.
        ModelIntegrityError: A file is damaged.
        ConfigurationError: It cannot be converted, or ``out`` is there.
    """
    refuse_existing(out)
    if bits and bits not in BITS:
        raise ConfigurationError(f"{bits} bits: MLX knows {', '.join(map(str, BITS))}")
    with tempfile.TemporaryDirectory() as place:
        folder = base
        if is_gguf(base):
            folder = Path(place) / "base"
            write_hugging_face(base, folder)
        model, tokenizer, config = load_mlx_base(folder)
        if bits:
            try:
                with redirect_stdout(io.StringIO()):
                    model, config = language_models.quantize_model(model, config, GROUP, bits)
            except ValueError as error:
                raise ConfigurationError(f"{base} cannot be quantised: {error}") from error
        _save(model, tokenizer, config, out)


def fuse_mlx(adapter: LoraAdapter, base: Path, out: Path) -> None:
    """Write a copy of a model of MLX with an adapter added; quantised weights are so again.

    Args:
        adapter: Of this model.
        base: Folder of MLX or Hugging Face.
        out: Folder to write; it must not exist.

    Raises:
        ModelNotFoundError: There is no such base.
        ModelIntegrityError: A file is damaged, or the adapter is of another base.
        ConfigurationError: It cannot be loaded, or ``out`` is there.
    """
    refuse_existing(out)
    model, tokenizer, config = load_mlx_base(base)
    with tempfile.TemporaryDirectory() as place:
        write_mlx(adapter, Path(place), len(model.layers))
        add_adapter(model, Path(place))
    fused = [(name, each.fuse()) for name, each in model.named_modules() if hasattr(each, "fuse")]
    model.update_modules(trees.tree_unflatten(fused))
    _save(model, tokenizer, config, out)


def _save(model: Any, tokenizer: Any, config: dict[str, Any], out: Path) -> None:
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    language_models.save_model(partial, model)
    language_models.save_config(config, partial / "config.json")
    tokenizer.save_pretrained(partial)
    partial.rename(out)
