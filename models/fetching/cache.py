"""Fetched models on disk: a folder for each, whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.store.manifest import sha256_of
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from models.fetching.catalogue import PublishedModel


def default_models_folder() -> Path:
    """Return where fetched models are kept for the user."""
    return Path.home() / ".cache" / "callstream" / "models"


def is_cached(model: PublishedModel, folder: Path) -> bool:
    """Return whether every file is there in its size; nothing is read."""
    return all(_has_size(folder / model.name / f.name, f.size_bytes) for f in model.files)


def verify_files(model: PublishedModel, place: Path) -> None:
    """Check the sha256 of every file of a model.

    Args:
        model: Of the catalogue.
        place: Folder of its files.

    Raises:
        ModelIntegrityError: A file is not the published one.
        OSError: A file cannot be read.
    """
    for file in model.files:
        digest = sha256_of(place / file.name)
        if digest != file.sha256:
            raise ModelIntegrityError(
                f"{file.name} of {model.name} is not the published one (sha256 {digest[:12]}.., "
                f"expected {file.sha256[:12]}..)"
            )


def _has_size(path: Path, size_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == size_bytes
