"""The encoder that all models of an experiment start from, as a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from training.core.errors import RecipeError
from training.text.encoder_base import cut_encoder, write_encoder
from training.turns.learning.classifier import write_heads
from training.turns.learning.exported import exported_manifest, read_exported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from transformers import PreTrainedModel

    from training.turns.learning.recipe import BaseRecipe


def make_base(
    recipe: BaseRecipe, texts: Callable[[], Iterable[str]], folder: Path, seed: int
) -> None:
    """Write the encoder of a recipe, cut as the recipe says, with its tokenizer.

    Args:
        recipe: Which encoder to take, and what to cut.
        texts: All training texts, which decide the pieces of a cut vocabulary.
        folder: To write to.
        seed: Of weights that the base does not have, such as a missing pooler.

    Raises:
        MissingDataError: The base is missing.
        ModelNotFoundError: It has a name of the catalogue, and no source has it.
        RecipeError: The base cannot be cut as asked for.
        ModelIntegrityError: It is an exported model whose files are damaged.
    """
    manifest = exported_manifest(recipe.model)
    if manifest is not None:
        _write_exported(manifest, recipe, folder)
        return
    model, tokenizer = cut_encoder(recipe, texts, seed)
    write_heads({}, folder)
    write_encoder(model, tokenizer, folder, recipe.model)


def _write_exported(manifest: Path, recipe: BaseRecipe, folder: Path) -> None:
    """Write the encoder of an exported model, and its heads beside it."""
    for name in recipe.cuts:
        message = f"base.{name}: {recipe.model!r} was cut when it was trained; leave it out"
        raise RecipeError(message)
    exported = read_exported(manifest)
    first = next(iter(exported.networks.values()))
    write_heads(exported.networks, folder)
    encoder = cast("PreTrainedModel", first.encoder)
    write_encoder(encoder, exported.tokenizer, folder, recipe.model)
