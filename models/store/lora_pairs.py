"""The two matrices of each module of a LoRA adapter, whatever its form calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]


def pair_up(tensors: Mapping[str, FloatArray], a: str, b: str) -> dict[str, list[FloatArray]]:
    """Return the two matrices of each module, by its path without the suffixes ``a`` and ``b``.

    Raises:
        ModelIntegrityError: Another tensor is there, or one of a pair is missing.
    """
    found: dict[str, dict[str, FloatArray]] = {}
    for name, tensor in tensors.items():
        suffix = next((each for each in (a, b) if name.endswith(each)), None)
        if suffix is None:
            raise ModelIntegrityError(f"adapter: {name} is no matrix of LoRA")
        found.setdefault(name.removesuffix(suffix), {})[suffix] = tensor
    for name, pair in found.items():
        if pair.keys() != {a, b}:
            raise ModelIntegrityError(f"adapter: {name} has only {next(iter(pair))}")
    return {name: [pair[a], pair[b]] for name, pair in found.items()}
