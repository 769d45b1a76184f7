"""Where a training computes: the device, and the threads of torch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch

from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def choose_device(wanted: DeviceName) -> torch.device:
    """Return the device of a recipe; ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        RecipeError: This machine has no such device.
    """
    is_there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return torch.device("cuda" if is_there["cuda"] else "cpu")
    if not is_there[wanted]:
        raise RecipeError(f"device {wanted!r}: this machine has none; use 'auto' or 'cpu'")
    return torch.device(wanted)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the context, and as many as before after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
