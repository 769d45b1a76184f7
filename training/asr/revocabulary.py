"""A checkpoint goes on with fewer tokens: the pieces that remain keep what they have learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import torch

from training.asr.lesson import Lesson
from training.asr.recipe import Recipe
from training.asr.run import Trainer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from training.asr.vocabulary import SubVocabulary

_EMBEDDING = "decoder.token_embedding.weight"
_FRESH_SCALE = 0.03
_ROW_STATES = ("exp_avg", "exp_avg_sq")


def change_vocabulary(checkpoint: Path, out: Path, vocabulary: SubVocabulary) -> None:
    """Write ``checkpoint`` with ``vocabulary`` in place of its own; new tokens start afresh."""
    saved: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    lesson = msgspec.json.decode(saved["lesson"], type=Lesson)
    recipe = msgspec.json.decode(saved["recipe"], type=Recipe)
    embedding = saved["network"][_EMBEDDING]
    torch.manual_seed(recipe.seed)
    fresh = torch.randn(len(vocabulary), embedding.shape[1]) * _FRESH_SCALE
    fresh[:, -1] = embedding[:, -1].min()  # the bias of a token that was never seen
    saved["network"][_EMBEDDING] = _moved(embedding, lesson.vocabulary, vocabulary, into=fresh)
    state = saved["optimiser"]["state"][_optimiser_index(recipe, lesson)]
    for name in _ROW_STATES:
        into = torch.zeros(len(vocabulary), embedding.shape[1])
        state[name] = _moved(state[name], lesson.vocabulary, vocabulary, into=into)
    changed = msgspec.structs.replace(recipe, vocabulary=len(vocabulary))
    saved["lesson"] = msgspec.json.encode(Lesson(vocabulary, lesson.phone_sets))
    saved["recipe"] = msgspec.json.encode(changed)
    torch.save(saved, out)


def _moved(rows: Tensor, old: SubVocabulary, new: SubVocabulary, *, into: Tensor) -> Tensor:
    places = {token: place for place, token in enumerate(old.token_ids)}
    for place, token in enumerate(new.token_ids):
        if token in places:
            into[place] = rows[places[token]]
    return into


def _optimiser_index(recipe: Recipe, lesson: Lesson) -> int:
    """Return the embedding's number among the optimiser's parameters, group after group."""
    trainer = Trainer(recipe, lesson)
    wanted = trainer.network.get_parameter(_EMBEDDING)
    groups = trainer.parameter_groups()
    parameters = [parameter for group in groups for parameter in group]
    return next(place for place, p in enumerate(parameters) if p is wanted)
