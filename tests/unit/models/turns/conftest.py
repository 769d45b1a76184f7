"""An exported tiny model, made once; whoever changes files takes a copy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from models.turns.detector import TurnDetector
from tests.support.models.tiny_trained_turns import export_tiny

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tiny_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the manifest of a model with the variants general and customer."""
    return export_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def other_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the manifest of another version of that model."""
    return export_tiny(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(scope="session")
def detector(tiny_manifest: Path) -> TurnDetector:
    return TurnDetector.load(tiny_manifest)


@pytest.fixture
def folder(tiny_manifest: Path, tmp_path: Path) -> Path:
    """Return a folder of one's own with the model's files."""
    target = tmp_path / "models"
    target.mkdir()
    for file in tiny_manifest.parent.iterdir():
        if file.is_file():
            shutil.copy2(file, target)
    return target
