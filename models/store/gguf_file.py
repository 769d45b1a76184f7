"""Files of llama.cpp: fields and tensors under names; models and LoRA adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.extras.gguf import gguf
from models.store.lora_pairs import pair_up
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

MAGIC = b"GGUF"
LORA_A, LORA_B = ".lora_a", ".lora_b"


class GgufLora(NamedTuple):
    """An adapter as its file has it.

    Attributes:
        architecture: Of the model that it belongs to, as llama.cpp names it.
        scale: Of what its products add.
        pairs: The matrices (rank, inputs) and (outputs, rank) by the name of the weights.
    """

    architecture: str
    scale: float
    pairs: dict[str, list[FloatArray]]


def is_gguf(path: Path) -> bool:
    """Return whether this is a GGUF file."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


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
    """Return the value of a field; None where there is no such field."""
    field = reader.get_field(name)
    return None if field is None else field.contents()


def read_tensor(tensor: gguf.ReaderTensor) -> FloatArray:
    """Return a tensor in fp32."""
    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)


def read_lora(path: Path) -> GgufLora:
    """Return the adapter of a file.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: It is damaged.
        ConfigurationError: It is no LoRA adapter.
    """
    reader = open_gguf(path)
    if read_field(reader, "adapter.type") != "lora":
        raise ConfigurationError(f"{path} is no LoRA adapter")
    tensors = {each.name: read_tensor(each) for each in reader.tensors}
    pairs = pair_up(tensors, LORA_A, LORA_B)
    alpha = read_field(reader, "adapter.lora.alpha")
    rank = len(next(iter(pairs.values()))[0]) if pairs else 1
    scale = float(alpha) / rank if isinstance(alpha, float) and alpha else 1.0
    return GgufLora(str(read_field(reader, "general.architecture")), scale, pairs)
