"""Checkpoints converted for CTranslate2, in the cache; checked at every load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.asr.checkpoints.exports import ExportManifest, is_usable
from models.store.manifest import load_manifest, verified_weights
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from models.asr.checkpoints.weights import SpeechWeights

FORMAT = "ctranslate2"
EXPORT_VERSION = 1  # of the conversion: a cache of another version is converted again


class ConvertedManifest(ExportManifest, frozen=True, kw_only=True):
    """What stands beside a converted checkpoint; ``file`` is its tensors, in fp32."""

    export_version: int = EXPORT_VERSION


def find_converted(weights: SpeechWeights, cache: Path) -> Path | None:
    """Return the manifest of converted weights in the cache, if any."""
    manifest = cached_conversion(weights, cache)
    is_found = is_usable(manifest, weights, ConvertedManifest, EXPORT_VERSION)
    return manifest if is_found else None


def cached_conversion(weights: SpeechWeights, cache: Path) -> Path:
    """Return where the manifest of converted weights lies in the cache."""
    return cache / f"{weights.cache_key()}.ctranslate2.json"


def load_converted(path: Path) -> tuple[Path, ConvertedManifest]:
    """Return the folder of converted weights and their manifest after checking every file.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the manifest is not one of these.
    """
    manifest = load_manifest(path, ConvertedManifest)
    if manifest.format != FORMAT:
        raise ModelIntegrityError(f"{path}: format {manifest.format!r}, not {FORMAT!r}")
    return verified_weights(path, manifest).parent, manifest
