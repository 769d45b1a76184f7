"""A checkpoint goes on with other tokens: the pieces that remain keep what they have learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch

from training.asr.lesson import Lesson
from training.asr.recipe import Recipe
from training.checkpoints import read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.asr.vocabulary import SubVocabulary

_EMBEDDING = "decoder.token_embedding.weight"
_FRESH_SCALE = 0.03


def change_vocabulary(checkpoint: Path, out: Path, vocabulary: SubVocabulary) -> None:
    """Write ``checkpoint`` with ``vocabulary`` in place of its own.

    New tokens start afresh, and so does the optimisers' memory: AdamW's is a mean over some 50
    steps, Muon's over 20, so that it is soon back.
    """
    saved = read_checkpoint(checkpoint)
    lesson = msgspec.json.decode(saved["lesson"], type=Lesson)
    recipe = msgspec.json.decode(saved["recipe"], type=Recipe)
    embedding = saved["network"][_EMBEDDING]
    torch.manual_seed(recipe.seed)
    fresh = torch.randn(len(vocabulary), embedding.shape[1]) * _FRESH_SCALE
    fresh[:, -1] = embedding[:, -1].min()  # the bias of a token that was never seen
    saved["network"][_EMBEDDING] = _moved(embedding, lesson.vocabulary, vocabulary, into=fresh)
    saved["optimisers"] = []
    changed = msgspec.structs.replace(recipe, vocabulary=len(vocabulary))
    saved["lesson"] = msgspec.json.encode(Lesson(vocabulary, lesson.phone_sets))
    saved["recipe"] = msgspec.json.encode(changed)
    write_checkpoint(saved, out)


def _moved(rows: Tensor, old: SubVocabulary, new: SubVocabulary, *, into: Tensor) -> Tensor:
    places = {token: place for place, token in enumerate(old.token_ids)}
    for place, token in enumerate(new.token_ids):
        if token in places:
            into[place] = rows[places[token]]
    return into
