"""A run goes on with another vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import torch

from training.asr.scratch.checkpoint import inventory_of
from training.asr.scratch.revocabulary import change_vocabulary
from training.asr.scratch.run import train, training_vocabulary
from training.asr.scratch.vocabulary import SubVocabulary, build_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders

_EMBEDDING = "decoder.token_embedding.weight"


def _by_token(checkpoint: Path) -> tuple[dict[int, torch.Tensor], SubVocabulary]:
    saved = torch.load(checkpoint, weights_only=True)
    vocabulary = inventory_of(saved).vocabulary
    rows = saved["network"][_EMBEDDING]
    return dict(zip(vocabulary.token_ids, rows, strict=True)), vocabulary


def test_tokens_that_remain_keep_their_rows_and_the_run_goes_on(
    data_folders: SpeechFolders, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    """Old tokens are moved, new ones start afresh, and the optimisers' memory too."""
    checkpoint = train(tiny_recipe, data_folders, tmp_path / "run", resume=False)
    before, _ = _by_token(checkpoint)
    smaller = build_vocabulary({"hello": 9, "order": 5, "zebra": 3}, size=70)

    change_vocabulary(checkpoint, tmp_path / "changed.pt", smaller)

    after, vocabulary = _by_token(tmp_path / "changed.pt")
    assert vocabulary == smaller
    shared = set(before) & set(after)
    assert shared
    assert all(torch.equal(before[token], after[token]) for token in shared)

    (tmp_path / "changed.pt").replace(checkpoint)
    steps = tiny_recipe.optimisation.steps + 2
    longer = msgspec.structs.replace(
        tiny_recipe, optimisation=msgspec.structs.replace(tiny_recipe.optimisation, steps=steps)
    )
    trained, _ = _by_token(train(longer, data_folders, tmp_path / "run", resume=True))
    assert any(not torch.equal(trained[token], after[token]) for token in after)


def test_the_command_builds_the_vocabulary_from_the_training_texts(
    run_train: Callable[..., Result],
    data_folders: SpeechFolders,
    tiny_recipe: Recipe,
    tmp_path: Path,
) -> None:
    checkpoint = train(tiny_recipe, data_folders, tmp_path / "run", resume=False)
    changed = tmp_path / "changed.pt"

    result = run_train(
        "asr-revocabulary", checkpoint, changed, "--size", 65, "--work", data_folders.work
    )

    assert result.exit_code == 0, result.output
    _, vocabulary = _by_token(changed)
    assert vocabulary == training_vocabulary(data_folders, size=65)
    assert len(vocabulary) <= 65 + 4
