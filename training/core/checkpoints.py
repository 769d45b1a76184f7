"""Checkpoint files, replaced in one go: a reader never sees half of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHECKPOINT_NAME = "checkpoint.pt"
BEST_NAME = "best.pt"  # the parameters of the best validation
METRICS_NAME = "metrics.jsonl"  # what the run told so far


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Replace the file at ``path`` by ``content`` in one go."""
    partial = path.with_suffix(".partial")
    torch.save(dict(content), partial)
    partial.replace(path)


def read_kept_checkpoint(path: Path, remedy: str) -> dict[str, Any]:
    """Return the content of a run's checkpoint.

    Args:
        path: Of the checkpoint.
        remedy: What to do where there is none, for the error.

    Raises:
        MissingDataError: There is none.
    """
    if not path.is_file():
        raise MissingDataError(f"there is no checkpoint {path}: {remedy}")
    return read_checkpoint(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, its tensors in the CPU's memory."""
    saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return saved
