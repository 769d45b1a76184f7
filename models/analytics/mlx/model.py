"""Language models on MLX: a base of Hugging Face's or MLX's form, with or without an adapter.

MLX also runs on CPUs of other makers, which is where it can be tested without a Mac.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.analytics.mlx.files import ADAPTER_CONFIG, find_adapter, older_settings
from models.extras.mlx import core as mx
from models.extras.mlx_lm import language_models, trees, tuning
from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

Model = Any  # mlx-lm's classes have no type in common
Tokenizer = Any


def load_mlx_model(folder: Path, adapter: Path | None = None) -> tuple[Model, Tokenizer]:
    """Return model and tokenizer, in evaluation mode.

    Args:
        folder: Of the base, as Hugging Face or MLX keeps it.
        adapter: Folder of an adapter in MLX's form.

    Raises:
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: A file is damaged, or the adapter is of another base.
        ConfigurationError: mlx-lm cannot load such a base.
    """
    model, tokenizer, _ = load_mlx_base(folder)
    if adapter is not None:
        add_adapter(model, adapter)
    model.eval()
    return model, tokenizer


def load_mlx_base(folder: Path) -> tuple[Model, Tokenizer, dict[str, Any]]:
    """Return model, tokenizer and configuration of a base; errors as of `load_mlx_model`."""
    try:
        model, config = language_models.load_model(folder, model_config=older_settings(folder))
        tokenizer = language_models.load_tokenizer(folder, eos_token_ids=config.get("eos_token_id"))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no base model at {folder}: {error}") from error
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise ConfigurationError(f"MLX cannot load the base {folder}: {error}") from error
    return model, tokenizer, config


def add_adapter(model: Model, folder: Path) -> None:
    """Give a model the adapter of a folder.

    Raises:
        ModelNotFoundError: A file is not there.
        ModelIntegrityError: A file is damaged, or of another base.
        ConfigurationError: It is no LoRA adapter.
    """
    config = read_object(folder / ADAPTER_CONFIG)
    if config.get("fine_tune_type", "lora") != "lora":
        raise ConfigurationError(f"{folder} is no LoRA adapter of MLX")
    file = find_adapter(folder)
    try:
        tuning.linear_to_lora_layers(model, config["num_layers"], config["lora_parameters"])
        weights = mx.load(str(file))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelIntegrityError(f"{folder} holds no adapter of MLX: {error}") from error
    places = dict(trees.tree_flatten(model.parameters()))
    for name, matrix in weights.items():
        if name not in places or places[name].shape != matrix.shape:
            raise ModelIntegrityError(f"{file} is of another base: {name} does not fit")
    model.load_weights(list(weights.items()), strict=False)
    mx.eval(model.parameters())
