"""Base models that adapters belong to: what a conversion must know of their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from models.store.gguf_file import is_gguf, open_gguf, read_field
from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

BaseForm = Literal["hf", "gguf"]
HF_CONFIG = "config.json"
# llama.cpp's architecture by Hugging Face's; where the rows of queries and keys are reordered.
_ARCHITECTURES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2"}
_REORDERED = {"llama"}


class BaseShape(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversion must know of a base model.

    Attributes:
        architecture: As llama.cpp names it.
        layers: How many there are.
        heads: Of the queries.
        kv_heads: Of keys and values.
    """

    architecture: str
    layers: int
    heads: int
    kv_heads: int

    @property
    def is_reordered(self) -> bool:
        """Whether llama.cpp keeps the rows of queries and keys in another order.

        It rotates neighbouring pairs of a head's components, Hugging Face its two halves.
        """
        return self.architecture in _REORDERED


def read_shape(base: Path) -> BaseShape:
    """Return the shape of a base model: a folder of Hugging Face or MLX, or a GGUF file.

    Raises:
        ModelNotFoundError: There is none.
        ModelIntegrityError: Its description lacks a number.
        ConfigurationError: It is of another architecture.
    """
    if is_gguf(base):
        return _shape_of_gguf(base)
    if not (base / HF_CONFIG).is_file():
        msg = f"no base model at {base}: give a folder with {HF_CONFIG}, or a GGUF file"
        raise ModelNotFoundError(msg)
    config = read_object(base / HF_CONFIG)
    kind = str(config.get("model_type"))
    if kind not in _ARCHITECTURES:
        known = ", ".join(sorted(_ARCHITECTURES))
        raise ConfigurationError(f"{base} is a {kind} model; adapters are known for {known}")
    try:
        heads = int(config["num_attention_heads"])
        return BaseShape(
            architecture=_ARCHITECTURES[kind],
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelIntegrityError(f"{base / HF_CONFIG} lacks a number: {error}") from error


def _shape_of_gguf(path: Path) -> BaseShape:
    reader = open_gguf(path)
    name = str(read_field(reader, "general.architecture"))
    if name not in _ARCHITECTURES.values():
        known = ", ".join(sorted(set(_ARCHITECTURES.values())))
        raise ConfigurationError(f"{path} is a {name} model; adapters are known for {known}")
    heads = read_field(reader, f"{name}.attention.head_count")
    layers = read_field(reader, f"{name}.block_count")
    if not isinstance(heads, int) or not isinstance(layers, int):
        raise ModelIntegrityError(f"{path} lacks its number of heads or layers")
    kv_heads = read_field(reader, f"{name}.attention.head_count_kv")
    return BaseShape(
        architecture=name,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads if isinstance(kv_heads, int) else heads,
    )
