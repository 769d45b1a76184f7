"""A change of a checkpoint's vocabulary; tokens that remain keep what they have learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch

from training.asr.scratch.checkpoint import header, inventory_of, recipe_of
from training.asr.scratch.inventory import Inventory
from training.core.checkpoints import read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.asr.scratch.vocabulary import SubVocabulary

_EMBEDDING = "decoder.token_embedding.weight"
_FRESH_SCALE = 0.03


def change_vocabulary(checkpoint: Path, out: Path, vocabulary: SubVocabulary) -> None:
    """Write ``checkpoint`` with ``vocabulary`` in place of its own.

    New tokens start afresh, and so do the optimisers: AdamW averages over some 50 steps, Muon over
    20, so that their state is soon back.
    """
    saved = read_checkpoint(checkpoint)
    inventory, recipe = inventory_of(saved), recipe_of(saved)
    embedding = saved["network"][_EMBEDDING]
    torch.manual_seed(recipe.seed)
    fresh = torch.randn(len(vocabulary), embedding.shape[1]) * _FRESH_SCALE
    fresh[:, -1] = embedding[:, -1].min()  # the bias of a token that was never seen
    saved["network"][_EMBEDDING] = _moved(embedding, inventory.vocabulary, vocabulary, into=fresh)
    saved["optimisers"] = []
    changed = msgspec.structs.replace(recipe, vocabulary=len(vocabulary))
    saved |= header(changed, Inventory(vocabulary, inventory.phone_sets))
    write_checkpoint(saved, out)


def _moved(rows: Tensor, old: SubVocabulary, new: SubVocabulary, *, into: Tensor) -> Tensor:
    """Return the rows in the order of another vocabulary, where it has their tokens."""
    indices = {token: index for index, token in enumerate(old.token_ids)}
    for index, token in enumerate(new.token_ids):
        if token in indices:
            into[index] = rows[indices[token]]
    return into
