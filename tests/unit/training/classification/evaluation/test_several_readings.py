"""Calls that are read in several ways are measured and exported as the live path reads them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from models.classification.decoding import aggregated
from models.classification.manifest import load_classification_manifest
from models.classification.readings import Reading
from models.classification.similarity import CENTRE_NAME
from tests.support.classification.measured_as_live import check_measured_as_live
from tests.support.classification.tiny import learn_well, tiny_rows, write_splits
from training.classification.continuous.comparison import measure_model
from training.classification.corpus.rows import Row, RowTurn
from training.classification.evaluation.measured import exported_model, trained_model
from training.classification.evaluation.recipe import EvaluationRecipe
from training.classification.experiment import evaluate_classifier, export_classifier
from training.classification.export.exporter import ExportOptions
from training.classification.similarity.embeddings import write_embeddings
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.classification.corpus.rows import Split

READINGS = (
    Reading(32, 8, skips=("agent",), tasks=("main", "sub")),
    Reading(16, 7, weight=0.5, min_call_tokens=31, max_call_tokens=110),
)
RECIPE = EvaluationRecipe(overlap_tokens=8, readings=READINGS, resamples=100)
OPTIONS = ExportOptions(name="tiny", least_agreement=0.5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trained model."""
    folder = tmp_path_factory.mktemp("trained")
    learn_well(folder)
    return folder / "model"


@pytest.fixture(scope="module")
def read_thrice(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the manifest of an export whose calls are read in three ways."""
    folder = tmp_path_factory.mktemp("thrice")
    shutil.copytree(trained, folder / "model")
    splits: Mapping[Split, Sequence[Row]] = {
        "train": tiny_rows(60, seed=1),
        "validation": dialogues(24, seed=2),
        "test": dialogues(24, seed=3),
    }
    write_splits(folder / "work", splits)
    evaluate_classifier(folder / "model", folder / "work", RECIPE)
    return export_classifier(folder / "model", folder / "out", folder / "work", OPTIONS).manifest


def dialogues(count: int, *, seed: int) -> list[Row]:
    """Return rows whose words are those of caller and agent by turns."""
    found = []
    for row in tiny_rows(count, seed=seed, words=90):
        words = row.turns[0].text.split()
        turns = tuple(
            RowTurn("agent" if number % 2 else "customer", " ".join(words[start : start + 15]))
            for number, start in enumerate(range(0, len(words), 15))
        )
        found.append(msgspec.structs.replace(row, turns=turns))
    return found


def test_the_live_path_reads_calls_in_the_ways_that_were_measured(read_thrice: Path) -> None:
    rows = [*tiny_rows(12, seed=7), *tiny_rows(6, seed=8, words=60), *dialogues(12, seed=9)]

    calls = check_measured_as_live(read_thrice, rows)

    assert load_classification_manifest(read_thrice).readings == READINGS
    assert {len(call) for call in calls} == {1, 2, 3}


def test_category_embeddings_are_of_all_readings_together(
    read_thrice: Path, tmp_path: Path
) -> None:
    shutil.copytree(read_thrice.parent, tmp_path / "out")
    manifest = tmp_path / "out" / read_thrice.name
    rows = [row for row in dialogues(30, seed=11) if "sub" in row.labels]
    calls = check_measured_as_live(manifest, rows)
    model, calibration = exported_model(manifest)

    write_embeddings(manifest, rows)

    logits = aggregated(calls, model.tasks, calibration.aggregation)
    centre = np.load(tmp_path / "out" / "tiny.embeddings" / CENTRE_NAME)
    assert np.allclose(centre, logits.mean(axis=0), atol=1e-5)
    assert not np.allclose(
        centre,
        aggregated([call[:1] for call in calls], model.tasks, "mean").mean(axis=0),
        atol=1e-5,
    )


def test_the_report_says_in_which_ways_calls_are_read(read_thrice: Path) -> None:
    report = read_thrice.with_suffix(".md").read_text()

    assert (
        "- all calls: the turns of all but agent, in windows of 32 tokens that share 8, weight 1"
        in report
    )
    assert "- calls of 31 to 110 tokens: in windows of 16 tokens that share 7, weight 0.5" in report


def test_readings_that_do_not_fit_a_model_are_refused(trained: Path, tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(RECIPE, readings=(Reading(64, 8),))
    write_splits(tmp_path)

    with pytest.raises(RecipeError, match="do not fit model: reading 1: max_tokens lies between"):
        evaluate_classifier(trained, tmp_path, recipe)


def test_a_champion_without_a_task_is_measured_without_its_reading(trained: Path) -> None:
    model = trained_model(trained)
    splits = {"validation": tiny_rows(24, seed=2)}
    plain = msgspec.structs.replace(RECIPE, readings=())
    readings = (Reading(16, 4, tasks=("mood",)),)
    recipe = msgspec.structs.replace(RECIPE, readings=readings)

    found = measure_model(model, None, splits, model.label_set, recipe)

    assert found == measure_model(model, None, splits, model.label_set, plain)
