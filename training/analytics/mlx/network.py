"""A base model on MLX with an adapter that learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.analytics.mlx.files import ADAPTER
from models.analytics.mlx.model import load_mlx_base
from models.extras.mlx import core as mx
from models.extras.mlx_lm import trees, tuning
from training.analytics.adapters.mlx_base import convert_base
from training.analytics.adapters.mlx_folder import from_mlx, to_mlx, write_mlx
from training.analytics.learning.network import peak_memory_of_process
from training.analytics.learning.start import starting_pairs
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from training.analytics.learning.base import BaseFiles
    from training.analytics.learning.recipe import AnalyticsRecipe, LoraRecipe

Array = Any  # MLX's type stubs differ from one platform to the next
_DTYPES = {"fp32": mx.float32, "bf16": mx.bfloat16}
_OF_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_OF_MLP = ("gate_proj", "up_proj", "down_proj")


class MlxNetwork:
    """A model whose adapter alone learns.

    Args:
        model: Of mlx-lm, with adapted layers.
        lora: The adapter.
        base: Name of the base, as the adapter keeps it.

    Attributes:
        model: As given.
        libraries: That compute.
    """

    libraries: tuple[str, ...] = ("mlx", "mlx-lm")

    def __init__(self, model: Any, lora: LoraRecipe, base: str) -> None:
        self.model = model
        self._lora = lora
        self._base = base

    def trainable(self) -> dict[str, Array]:
        """Return the matrices of the adapter by name."""
        return dict(trees.tree_flatten(self.model.trainable_parameters()))

    def put(self, matrices: Mapping[str, Array]) -> None:
        """Take the matrices of the adapter."""
        self.model.load_weights(list(matrices.items()), strict=False)

    def answer_logits(self, ids: Array, rows: Array, places: Array) -> Array:
        """Return the logits after some tokens, and of no others.

        Args:
            ids: Tokens, shape (rows, width).
            rows: Of each of those tokens, its row.
            places: Of each, its place there.
        """
        chosen = self.model.model(ids)[rows, places]
        if self.model.args.tie_word_embeddings:
            return self.model.model.embed_tokens.as_linear(chosen).astype(mx.float32)
        return self.model.lm_head(chosen).astype(mx.float32)

    def parameters(self) -> int:
        """Return the number of all parameters, those of base and adapter."""
        return int(tuning.get_total_parameters(self.model))

    def trainable_parameters(self) -> int:
        """Return the number of parameters of the adapter."""
        return sum(int(each.size) for each in self.trainable().values())

    def peak_memory(self) -> int:
        """Return the bytes that MLX took at most, or this process if that is more."""
        return max(int(mx.get_peak_memory()), peak_memory_of_process())

    def device_name(self) -> str:
        """Return where it is computed."""
        return f"MLX on the {'GPU' if mx.default_device() == mx.gpu else 'CPU'}"

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter as mlx-lm reads it."""
        lora = self._lora
        matrices = {name: np.array(each) for name, each in self.trainable().items()}
        adapter = from_mlx(matrices, self._base, lora.alpha / lora.rank, lora.dropout)
        write_mlx(adapter, folder, len(self.model.layers))

    def save_numbered(self, folder: Path, step: int) -> None:
        """Write the matrices alone, under the name that mlx-lm gives those of a step."""
        folder.mkdir(parents=True, exist_ok=True)
        mx.save_safetensors(str(folder / f"{step:07d}_{ADAPTER}"), self.trainable())


def load_mlx_network(recipe: AnalyticsRecipe, files: BaseFiles, bases: Path) -> MlxNetwork:
    """Return the base of a recipe with its adapter: a fresh one follows from the seed.

    Args:
        recipe: Of the run.
        files: Of the base; a GGUF file is converted first.
        bases: Folder for converted bases.

    Raises:
        ModelNotFoundError: There is no such base.
        ConfigurationError: It cannot be loaded, or the recipe does not fit it.
    """
    if recipe.base.qlora:
        raise RecipeError(
            "base.qlora is of CUDA: name a base that `callstream train analytics-convert --to mlx "
            "--bits 4` wrote, and set base.qlora = false"
        )
    folder = files.folder
    if files.gguf:
        folder = bases / f"{files.gguf.removesuffix('.gguf')}-mlx"
        if not folder.is_dir():
            convert_base(files.folder / files.gguf, folder)
    model, _, _ = load_mlx_base(folder)
    model.set_dtype(_DTYPES[recipe.base.precision])
    _add_fresh_adapter(model, recipe)
    network = MlxNetwork(model, recipe.lora, recipe.base.model)
    pairs = starting_pairs(recipe.lora, files, len(model.layers))
    network.put({name: mx.array(each) for name, each in to_mlx(pairs).items()})
    return network


def _add_fresh_adapter(model: Any, recipe: AnalyticsRecipe) -> None:
    lora, layers = recipe.lora, len(model.layers)
    unknown = sorted(set(lora.targets) - {*_OF_ATTENTION, *_OF_MLP})
    if unknown:
        raise RecipeError(f"lora.targets: {recipe.base.model} has no {unknown[0]}")
    if lora.layers > layers:
        raise RecipeError(f"lora.layers: {recipe.base.model} has {layers} layers")
    mx.random.seed(recipe.seed)
    model.freeze()
    tuning.linear_to_lora_layers(
        model,
        lora.layers or layers,
        {
            "rank": lora.rank,
            "scale": lora.alpha / lora.rank,
            "dropout": lora.dropout,
            "keys": {
                f"{'self_attn' if each in _OF_ATTENTION else 'mlp'}.{each}" for each in lora.targets
            },
        },
    )
    mx.eval(model.parameters())
