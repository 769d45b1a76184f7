"""Weights turned once into another library's files: what their manifest says, where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.asr.core.dimensions import WhisperDimensions
from models.asr.core.tokens import TokenTable
from models.store.manifest import WeightsManifest, load_manifest, verified_weights
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from models.asr.checkpoints.weights import SpeechWeights


class ExportManifest(WeightsManifest, frozen=True, kw_only=True):
    """What stands beside exported weights.

    Attributes:
        precision: Of the products with weights.
        dims: Sizes.
        tokens: What the output layer writes.
        alignment_heads: (layer, head) of the heads that follow the audio.
        source_sha256: Of the checkpoint that was exported.
        export_version: Of the exporter.
    """

    precision: str
    dims: WhisperDimensions
    tokens: TokenTable
    alignment_heads: tuple[tuple[int, int], ...]
    source_sha256: str = ""
    export_version: int


def default_cache() -> Path:
    """Return where exported weights are kept for the user."""
    return Path.home() / ".cache" / "callstream" / "asr"


def is_current(
    manifest: Path,
    weights: SpeechWeights,
    kind: type[ExportManifest],
    version: int,
    source_sha256: str = "",
) -> bool:
    """Return whether there is an export by today's exporter, of this checkpoint and its heads."""
    if not manifest.is_file():
        return False
    about = load_manifest(manifest, kind)
    return (
        about.export_version == version
        and source_sha256 in {"", about.source_sha256}
        and weights.expected_heads(about.dims) in {None, about.alignment_heads}
    )


def is_usable(
    manifest: Path, weights: SpeechWeights, kind: type[ExportManifest], version: int
) -> bool:
    """Return whether a cache has an export by today's exporter with every file as it was written.

    What is not usable is exported again, so that a damaged cache mends itself.
    """
    try:
        if not is_current(manifest, weights, kind, version):
            return False
        verified_weights(manifest, load_manifest(manifest, kind))
    except (ModelIntegrityError, ModelNotFoundError):
        return False
    return True
