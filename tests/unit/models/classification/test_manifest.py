"""The name of a classification model tells all that decides its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from models.classification.manifest import ClassificationManifest, load_classification_manifest
from models.classification.readings import Reading
from models.classification.store import ClassificationModels
from models.store.layout import CHAMPION, SHADOW, point_alias
from schemas.errors import ModelIntegrityError
from tests.support.classification.tiny_classifier import LABEL_SET, write_classifier

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest(tmp_path: Path) -> ClassificationManifest:
    return load_classification_manifest(write_classifier(tmp_path / "model"))


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"other_files": {"tiny.labels.toml": "0" * 64, "tiny.tokenizer.json": "1" * 64}},
        {"temperatures": {"sub": 1.5}},
        {"given_from": {"priority": {"High": 0.3}}},
        {"aggregation": "max"},
        {"overlap_tokens": 4},
        {"max_tokens": 64},
        {"readings": (Reading(16, 4),)},
        {"padding": "full"},
        {"embeddings_folder": "tiny.embeddings"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_model_that_answers_otherwise_has_another_name(
    manifest: ClassificationManifest, change: dict[str, Any]
) -> None:
    """Of one name and one graph too: answers are known by the name of their model."""
    other = msgspec.structs.replace(manifest, **change)

    assert other.versioned_name.startswith("tiny@")
    assert other.versioned_name != manifest.versioned_name


def test_a_manifest_from_before_readings_has_one_and_keeps_its_name(tmp_path: Path) -> None:
    path = write_classifier(tmp_path)
    now = load_classification_manifest(path)
    before = msgspec.json.decode(path.read_bytes())
    del before["readings"]
    path.write_bytes(msgspec.json.encode(before))

    found = load_classification_manifest(path)

    assert found.all_readings == (Reading(32, 8),)
    assert found.versioned_name == now.versioned_name


def test_a_manifest_with_a_reading_that_cannot_be_is_refused(tmp_path: Path) -> None:
    path = write_classifier(tmp_path, readings=(Reading(64, 8),))

    with pytest.raises(ModelIntegrityError, match="reading 1: max_tokens lies between 16 and"):
        load_classification_manifest(path)


def test_what_is_told_of_a_model_changes_no_name(manifest: ClassificationManifest) -> None:
    told = {"licence": "MIT", "precision": "int8", "agreement": {"sub": 1.0}, "eval_avg_acc": 0.9}

    other = msgspec.structs.replace(manifest, **told, encoder={"dim": 16})

    assert other.versioned_name == manifest.versioned_name


def test_a_shadow_of_the_same_graph_with_other_rules_can_be_told_from_the_champion(
    tmp_path: Path,
) -> None:
    write_classifier(tmp_path / "tiny1")
    write_classifier(tmp_path / "tiny2", label_set=LABEL_SET.replace("a knife", "a gun"))
    point_alias(tmp_path, CHAMPION, "tiny1")
    point_alias(tmp_path, SHADOW, "tiny2")

    models = ClassificationModels({"tiny": str(tmp_path)}, default="tiny", now=lambda: 0.0)

    champion, shadow = models.of("tiny").classifier, models.challenger("tiny")
    assert champion is not None
    assert shadow is not None
    assert champion.label_set.versioned_name == shadow.label_set.versioned_name
    assert champion.name != shadow.name
