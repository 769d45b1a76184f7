"""Files of llama.cpp: fields and tensors under names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.extras.gguf import gguf
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"GGUF"


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
