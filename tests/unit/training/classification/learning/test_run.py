from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from tests.support.classification.tiny import (
    Watched,
    learn_tiny,
    learn_well,
    tiny_network_recipe,
    tiny_rows,
)
from tests.support.models.tiny_trained_turns import write_encoder, write_mobilebert
from training.classification.learning.history import read_record
from training.classification.learning.trained import load_classifier
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WEIGHTS = "model.safetensors"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / WEIGHTS)


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_learns_and_its_folder_loads(tmp_path: Path) -> None:
    """The best epoch's weights are kept, with all that inference needs; one task is multi-label."""
    watcher = Watched()

    record = learn_well(tmp_path, watcher=watcher)

    trained = load_classifier(tmp_path / "model")
    best = max(each["eval_avg_acc"] for each in watcher.validations)
    assert record.best_metric == pytest.approx(best)
    assert best > 0.9
    assert read_record(tmp_path / "model") == record
    assert trained.network.base_model_prefix == "bert"
    assert trained.label_set.versioned_name == "tiny-1"
    assert trained.windows.max_tokens == 32
    assert record.epochs[-1].accuracy.keys() == {"main_acc", "sub_acc", "flags_acc", "avg_acc"}
    assert record.epochs[-1].accuracy["flags_acc"] > 0.8


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Weights to the last bit, dropout, windows and order included."""
    long = tiny_rows(60, seed=1, words=60)
    encoder = write_encoder(tmp_path / "encoder")
    recipe = tiny_network_recipe(encoder)
    learn_tiny(tmp_path / "whole", recipe, train=long)
    with pytest.raises(KeyboardInterrupt):
        learn_tiny(tmp_path / "killed", recipe, train=long, watcher=Watched(stop_after=6))

    watcher = Watched()
    record = learn_tiny(tmp_path / "killed", recipe, train=long, watcher=watcher, resume=True)

    assert watcher.began_at == 4
    assert watcher.steps[0] == 5
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]


def test_a_checkpoint_of_another_recipe_is_refused_and_without_resume_it_goes(
    tmp_path: Path,
) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    learn_tiny(tmp_path, tiny_network_recipe(encoder, learning={"epochs": 1}))
    other = tiny_network_recipe(encoder, learning={"epochs": 1, "learning_rate": 1e-3})

    with pytest.raises(RecipeError, match="leave --resume out"):
        learn_tiny(tmp_path, other, resume=True)
    watcher = Watched()
    learn_tiny(tmp_path, other, watcher=watcher)

    assert watcher.began_at == 0
    assert watcher.steps == [1, 2, 3, 4]


def test_early_stopping_stops_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    """A rate of nearly nothing brings no better epoch than the first."""
    encoder = write_encoder(tmp_path / "encoder")
    recipe = tiny_network_recipe(
        encoder, learning={"epochs": 9, "patience": 2, "learning_rate": 1e-12}
    )

    record = learn_tiny(tmp_path, recipe)

    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]
    assert record.best_step == record.epochs[0].step


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    recipe = tiny_network_recipe(
        encoder, learning={"epochs": 9, "patience": 2, "learning_rate": 1e-12}
    )
    first = learn_tiny(tmp_path, recipe)
    learnt, watcher = weights(tmp_path), Watched()

    again = learn_tiny(tmp_path, recipe, watcher=watcher, resume=True)

    assert watcher.steps == []
    assert (again.epochs, again.best_step) == (first.epochs, first.best_step)
    assert same(weights(tmp_path), learnt)


def test_patience_counts_on_where_a_run_was_killed(tmp_path: Path) -> None:
    """It dies behind the second epoch, the first of two that are no better."""
    encoder = write_encoder(tmp_path / "encoder")
    recipe = tiny_network_recipe(
        encoder, learning={"epochs": 9, "patience": 2, "learning_rate": 1e-12}
    )
    with pytest.raises(KeyboardInterrupt):
        learn_tiny(tmp_path, recipe, watcher=Watched(stop_after=9))

    record = learn_tiny(tmp_path, recipe, resume=True)

    assert [epoch.epoch for epoch in record.epochs] == [1, 2, 3]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path / "encoder")
    short = {"epochs": 1}
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        learn_tiny(tmp_path / name, tiny_network_recipe(encoder, seed=seed, learning=short))

    assert same(weights(tmp_path / "one"), weights(tmp_path / "same"))
    assert not same(weights(tmp_path / "one"), weights(tmp_path / "other"))


def test_any_encoder_can_be_the_base(tmp_path: Path) -> None:
    """The network keeps it under its own name; one that minds padding is always padded alike."""
    encoder = write_mobilebert(tmp_path / "mobilebert")
    recipe = tiny_network_recipe(encoder, learning={"epochs": 1})

    learn_tiny(tmp_path, recipe)

    trained = load_classifier(tmp_path / "model")
    assert any(name.startswith("mobilebert.") for name in weights(tmp_path))
    assert trained.windows.is_full


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"max_tokens": 100}, "the encoder has 64 positions"),
        ({"source_shares": {"none": 0.5}}, "no rows of none"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    recipe = tiny_network_recipe(write_encoder(tmp_path / "encoder"), learning=changes)

    with pytest.raises(RecipeError, match=complaint):
        learn_tiny(tmp_path, recipe)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="train classification"):
        load_classifier(tmp_path)
