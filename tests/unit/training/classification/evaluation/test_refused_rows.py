"""Rows that do not fit a model are refused; whatever labels are called, they are drawn."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.classification.tiny import (
    learn_tiny,
    tiny_network_recipe,
    tiny_rows,
    write_report,
    write_splits,
)
from tests.support.models.tiny_trained_turns import write_encoder
from training.classification.evaluation.figures import draw_confusions
from training.classification.evaluation.measures import LabelFigures
from training.classification.evaluation.recipe import EvaluationRecipe
from training.classification.experiment import evaluate_classifier, export_classifier
from training.classification.export.exporter import ExportOptions
from training.core.errors import MissingDataError

RECIPE = EvaluationRecipe(overlap_tokens=8, resamples=100)
OPTIONS = ExportOptions(name="tiny")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trained model."""
    folder = tmp_path_factory.mktemp("trained")
    encoder = write_encoder(folder / "encoder")
    learn_tiny(folder, tiny_network_recipe(encoder, learning={"epochs": 1}))
    return folder


def test_rows_of_another_label_set_are_refused_before_anything_is_written(
    trained: Path, tmp_path: Path
) -> None:
    write_splits(tmp_path / "work")
    write_report(tmp_path / "work", label_set="shop-1")

    with pytest.raises(MissingDataError, match="prepared for shop-1, not for tiny-"):
        evaluate_classifier(trained / "model", tmp_path / "work", RECIPE)
    with pytest.raises(MissingDataError, match="prepared for shop-1, not for tiny-"):
        export_classifier(trained / "model", tmp_path / "out", tmp_path / "work", OPTIONS)

    assert not (trained / "model" / "calibration.json").exists()
    assert not (tmp_path / "out").exists()


def test_without_validation_rows_there_is_one_error(trained: Path, tmp_path: Path) -> None:
    rows = {"train": tiny_rows(8), "validation": [], "test": tiny_rows(8)}
    write_splits(tmp_path, rows)  # type: ignore[arg-type]

    with pytest.raises(MissingDataError, match="no validation rows"):
        evaluate_classifier(trained / "model", tmp_path, RECIPE)


@pytest.mark.parametrize("name", ["Over $10_$ and $^$", "a$\\foo$", "50% of $5, 20% of $6"])
def test_a_label_of_any_name_is_drawn(name: str) -> None:
    figures = LabelFigures(name, 1, 2, 2, 3)
    found = SimpleNamespace(figures=SimpleNamespace(labels=[figures]))

    draw_confusions(found, "sub, test").savefig(BytesIO())  # type: ignore[arg-type]
