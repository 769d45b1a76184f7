"""Files of safetensors as numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from training.analytics.adapters.lora import FloatArray


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a file, in their own precision.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: It is damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"no file {path}") from error
    except SafetensorError as error:
        raise ModelIntegrityError(f"{path} is no file of tensors, or damaged: {error}") from error


def read_matrices(path: Path) -> dict[str, FloatArray]:
    """Return the tensors of a file in fp32; errors as `read_tensors`."""
    return {name: tensor.astype(np.float32) for name, tensor in read_tensors(path).items()}


def write_tensors(tensors: Mapping[str, npt.NDArray[Any]], path: Path, made_by: str) -> None:
    """Replace a file by these tensors in one go; ``made_by`` is the format that readers look at."""
    partial = path.with_name(f"{path.name}.partial")
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        partial,
        metadata={"format": made_by},
    )
    partial.replace(path)
