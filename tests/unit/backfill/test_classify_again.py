"""What calls are asked again, and which answers count as given before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.classification.manifest import load_classification_manifest
from models.classification.store import ClassificationModels
from models.store.manifest import write_manifest
from stream_app.backfill.classify import ClassifyAgain
from tests.support.classification.tiny_classifier import write_classifier
from tests.support.models.classified_calls import finalized

if TYPE_CHECKING:
    from pathlib import Path


def answer_id(manifest: Path) -> str:
    models = ClassificationModels({"tiny": str(manifest)}, default="tiny")
    return ClassifyAgain(models).question(finalized("a", "my phone number please")).answer_id


def test_a_version_with_another_calibration_answers_every_call_again(tmp_path: Path) -> None:
    """Its graph is the same; answers of the version before are no answers of it."""
    manifest = write_classifier(tmp_path)
    before, same = answer_id(manifest), answer_id(manifest)
    about = load_classification_manifest(manifest)
    write_manifest(msgspec.structs.replace(about, temperatures={"sub": 2.0}), manifest)

    assert before == same
    assert answer_id(manifest) != before
