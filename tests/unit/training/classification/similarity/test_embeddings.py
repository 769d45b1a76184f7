"""Category embeddings of exported models: second opinions, and errors by near labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import orjson
import pytest

from models.classification.classifier import Classifier, Passage
from models.classification.manifest import load_classification_manifest
from models.classification.similarity import EmbeddedLabel
from models.store.manifest import verified_weights
from schemas.errors import ModelIntegrityError, ModelNotFoundError
from tests.support.classification.tiny import learn_well, tiny_rows, write_splits
from training.classification.evaluation.recipe import EvaluationRecipe
from training.classification.experiment import evaluate_classifier, export_classifier
from training.classification.export.exporter import ExportOptions
from training.classification.similarity.embeddings import write_embeddings
from training.classification.similarity.report import report_similarity

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer.testing import Result

    from training.classification.corpus.rows import Row

OPTIONS = ExportOptions(name="tiny", least_agreement=0.5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an exported model, its rows, and the encoder that it started from."""
    folder = tmp_path_factory.mktemp("trained")
    learn_well(folder)
    write_splits(folder / "work")
    evaluate_classifier(folder / "model", folder / "work", EvaluationRecipe(resamples=100))
    export_classifier(folder / "model", folder / "out", folder / "work", OPTIONS)
    return folder


@pytest.fixture
def manifest(trained: Path, tmp_path: Path) -> Path:
    """The manifest of a copy of the export."""
    shutil.copytree(trained / "out", tmp_path / "out")
    return tmp_path / "out" / "tiny.json"


def opinions(manifest: Path, rows: list[Row]) -> list[str]:
    """Return the second opinions of the live path."""
    calls = [[Passage(turn.text) for turn in row.turns] for row in rows]
    return [found.second_opinion for found in Classifier.load(manifest).classify(calls)]


def share_right(manifest: Path, rows: list[Row]) -> float:
    labelled = [row for row in rows if "sub" in row.labels]
    given = opinions(manifest, labelled)
    return float(
        np.mean([(name,) == row.labels["sub"] for name, row in zip(given, labelled, strict=True)])
    )


def mapping(manifest: Path, part: str = "sub_cat") -> dict[str, int]:
    path = manifest.parent / "tiny.embeddings" / f"{part}_mapping.json"
    found = msgspec.json.decode(path.read_bytes(), type=list[EmbeddedLabel])
    return {each.label: each.rows for each in found}


def test_an_export_has_embeddings_that_its_manifest_vouches_for(manifest: Path) -> None:
    folder = manifest.parent / "tiny.embeddings"
    about = load_classification_manifest(manifest)

    assert about.embeddings_folder == folder.name
    assert np.load(folder / "main_cat_embeddings.npy").shape == (2, 7)
    assert np.load(folder / "sub_cat_embeddings.npy").shape == (3, 7)
    assert 0 < min(mapping(manifest).values()) <= max(mapping(manifest).values()) <= 30
    verified_weights(manifest, about)
    (folder / "sub_cat_embeddings.npy").write_bytes(b"else")
    with pytest.raises(ModelIntegrityError):
        Classifier.load(manifest)


def test_the_live_path_gives_a_second_opinion(manifest: Path) -> None:
    """Right on calls like those that were learnt."""
    assert share_right(manifest, tiny_rows(60, seed=7)) > 0.8


def test_a_model_without_embeddings_has_no_second_opinion(manifest: Path) -> None:
    about = load_classification_manifest(manifest)
    manifest.write_bytes(msgspec.json.encode(msgspec.structs.replace(about, embeddings_folder="")))

    assert opinions(manifest, tiny_rows(3, seed=7)) == ["", "", ""]
    with pytest.raises(ModelNotFoundError, match="has no category embeddings"):
        report_similarity(manifest, tiny_rows(3, seed=7))


def test_a_label_that_no_call_has_is_embedded_by_its_definition(manifest: Path) -> None:
    """So that a call can be like it at all."""
    rows = [row for row in tiny_rows(120, seed=1) if row.labels.get("sub") != ("Phone",)]

    write_embeddings(manifest, rows)

    assert mapping(manifest)["Phone"] == 0
    defined = [row for row in tiny_rows(90, seed=7) if row.labels.get("sub") == ("Phone",)]
    assert share_right(manifest, defined) > 0.5


def test_without_any_rows_definitions_alone_are_embedded(manifest: Path) -> None:
    write_embeddings(manifest, ())

    assert set(mapping(manifest).values()) == {0}
    assert len(set(opinions(manifest, tiny_rows(30, seed=7)))) > 1


def test_vectors_of_a_sentence_encoder_can_be_taken_instead(manifest: Path, trained: Path) -> None:
    """The encoder lies beside the embeddings as a graph, and reads calls of any length."""
    folder = write_embeddings(manifest, tiny_rows(120, seed=1), encoder=str(trained / "encoder"))
    long = tiny_rows(1, seed=7, words=400)

    about = orjson.loads((folder / "embeddings.json").read_bytes())
    assert (about["source"], about["width"]) == ("encoder", 16)
    assert share_right(manifest, tiny_rows(60, seed=7)) > 0.4  # the encoder was never trained
    assert opinions(manifest, long) == opinions(manifest, long)
    assert opinions(manifest, long)[0]


def test_embeddings_that_are_made_again_replace_the_others(manifest: Path, trained: Path) -> None:
    write_embeddings(manifest, tiny_rows(30, seed=1), encoder=str(trained / "encoder"))
    write_embeddings(manifest, tiny_rows(30, seed=1))

    names = load_classification_manifest(manifest).other_files
    assert not any("encoder" in name for name in names)
    assert sorted(name for name in names if "/" in name) == sorted(
        f"tiny.embeddings/{file.name}" for file in (manifest.parent / "tiny.embeddings").iterdir()
    )


def test_errors_are_reported_by_how_near_the_labels_are(manifest: Path) -> None:
    """Of rows of which a third has a wrong label: each such row counts as an error."""
    rows = [row for row in tiny_rows(120, seed=7) if "sub" in row.labels]
    swapped = {"Day": "Phone", "Phone": "Day", "Hour": "Hour"}
    wrong = [
        msgspec.structs.replace(row, labels={"sub": (swapped[row.labels["sub"][0]],)})
        for row in rows[:20]
    ]
    expected = sum(row.labels["sub"] != ("Hour",) for row in rows[:20])

    plain, report = (report_similarity(manifest, each) for each in (rows, [*wrong, *rows[20:]]))

    assert report.calls == plain.calls == len(rows)
    assert report.wrong == pytest.approx(plain.wrong + expected, abs=2 * plain.wrong)
    assert report.wrong == report.wrong_and_near  # two others are all there are
    assert sum(pair.calls for pair in report.pairs) == report.wrong
    assert {pair.rank for pair in report.pairs} <= {1, 2}
    assert [each.label for each in report.near] == ["Day", "Hour", "Phone"]
    assert all(each.label not in {n.label for n in each.neighbours} for each in report.near)


def test_the_command_writes_embeddings_and_report(
    manifest: Path, trained: Path, tmp_path: Path, run_train: Callable[..., Result]
) -> None:
    shutil.copytree(trained / "work", tmp_path / "work")

    done = run_train("classification-embeddings", manifest, "--data", tmp_path / "work")

    assert done.exit_code == 0, done.output
    assert "second opinion: right on" in done.stdout
    results = tmp_path / "work" / "results" / "tiny"
    assert (results / "similarity.md").read_text().startswith("# Near labels and errors: sub\n")
    assert orjson.loads((results / "similarity.json").read_bytes())["calls"] > 0


def test_an_encoder_that_is_not_there_is_one_line(
    manifest: Path, trained: Path, run_train: Callable[..., Result]
) -> None:
    arguments = (manifest, "--data", trained / "work", "--encoder", "/none")

    result = run_train("classification-embeddings", *arguments)

    assert result.exit_code == 1
    assert "'/none' cannot be loaded" in result.stderr
    assert result.stderr.count("\n") == 1


def test_damaged_embeddings_are_mended_by_writing_them_again(manifest: Path) -> None:
    write_embeddings(manifest, tiny_rows(20))
    (manifest.parent / "tiny.embeddings" / "centre.npy").write_bytes(b"half")
    with pytest.raises(ModelIntegrityError, match="damaged"):
        Classifier.load(manifest)

    write_embeddings(manifest, tiny_rows(20))

    assert Classifier.load(manifest).name


def test_a_model_can_be_loaded_wherever_the_writing_of_its_embeddings_stops(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_embeddings(manifest, tiny_rows(20))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for step in ("shutil.rmtree", "sha256_of"):
        with monkeypatch.context() as patch:
            patch.setattr(f"training.classification.similarity.embeddings.{step}", stopped)
            with pytest.raises(KeyboardInterrupt):
                write_embeddings(manifest, tiny_rows(20))
        assert Classifier.load(manifest).name
