"""Base models that adapters belong to: what a conversion must know of their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from models.extras.gguf import gguf
from models.store.json_object import read_object
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

BaseForm = Literal["hf", "gguf"]
HF_CONFIG = "config.json"
GGUF_MAGIC = b"GGUF"
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


def is_gguf(path: Path) -> bool:
    """Return whether this is a GGUF file."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(GGUF_MAGIC)) == GGUF_MAGIC


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


def open_gguf(path: Path) -> gguf.GGUFReader:
    """Return a reader of a GGUF file.

    Raises:
        ModelNotFoundError: There is none.
        ModelIntegrityError: It is damaged.
    """
    if not path.is_file():
        raise ModelNotFoundError(f"no file {path}")
    try:
        return gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise ModelIntegrityError(f"{path} is no GGUF file, or damaged: {error}") from error


def read_field(reader: gguf.GGUFReader, name: str) -> object:
    """Return the value of a field of a GGUF file; None where it has no such field."""
    field = reader.get_field(name)
    return None if field is None else field.contents()
