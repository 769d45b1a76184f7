"""The adapter that a run goes on from: its matrices, if they fit the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.store.manifest import sha256_of
from training.analytics.adapters.conversion import read_adapter
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from training.analytics.adapters.lora import LoraPair
    from training.analytics.learning.base import BaseFiles
    from training.analytics.learning.recipe import LoraRecipe


def starting_pairs(lora: LoraRecipe, files: BaseFiles, layers: int) -> dict[str, LoraPair]:
    """Return the matrices that a run begins with, by module; none where it begins anew.

    The matrix B is scaled, so that the recipe's ``alpha`` gives what the adapter gave.

    Args:
        lora: Of the recipe.
        files: The base.
        layers: That it has.

    Raises:
        RecipeError: The adapter has another rank, other layers or other targets.
        ModelNotFoundError: There is none.
        ModelIntegrityError: It is damaged.
        ConfigurationError: It is no plain LoRA, or of another base.
    """
    if not lora.start:
        return {}
    base = files.folder / files.gguf if files.gguf else files.folder
    adapter = read_adapter(Path(lora.start), base)
    lowest = layers - lora.layers if lora.layers else 0
    found = (adapter.rank, adapter.layers, {key.partition(".")[2] for key in adapter.keys})
    wanted = (lora.rank, tuple(range(lowest, layers)), set(lora.targets))
    if found != wanted or not adapter.is_regular:
        rank, numbers, targets = found
        raise RecipeError(
            f"lora.start: {lora.start} has rank {rank}, the layers {numbers[0]} to {numbers[-1]} "
            f"and {', '.join(sorted(targets))}: set lora.rank, lora.layers and lora.targets to them"
        )
    factor = adapter.scale / (lora.alpha / lora.rank)
    return {
        name: type(pair)(pair.a, pair.b * pair.b.dtype.type(factor))
        for name, pair in adapter.pairs.items()
    }


def start_sha256(lora: LoraRecipe) -> str:
    """Return the hashes of the files of the adapter that a run begins with."""
    path = Path(lora.start)
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return " ".join(sha256_of(each) for each in files)
