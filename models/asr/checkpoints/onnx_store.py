"""Exported graphs on disk: a manifest with hashes beside two ONNX files, bundled or in a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.asr.checkpoints.exports import ExportManifest, is_current, is_usable
from models.asr.checkpoints.weights import GRAPH_FORMAT
from models.store.manifest import load_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from models.asr.checkpoints.weights import SpeechWeights

FORMAT = GRAPH_FORMAT
EXPORT_VERSION = 4  # of the graphs: a cache of another version is exported again
EMBEDDING_FACTORS = "embedding.factors"  # of int8 decoders: a constant, shape (width,)


class GraphManifest(ExportManifest, frozen=True, kw_only=True):
    """What stands beside exported graphs; ``file`` is the encoder.

    Attributes:
        decoder_file: The decoder, beside the encoder.
    """

    decoder_file: str
    export_version: int = EXPORT_VERSION


def find_graphs(weights: SpeechWeights, precision: str, cache: Path) -> Path | None:
    """Return the manifest of exported graphs, beside the weights or in the cache, if any."""
    beside = weights.graphs_beside(precision)
    if weights.is_graphs:
        about = load_manifest(beside, GraphManifest)
        heads = weights.expected_heads(about.dims)
        if about.precision == precision and heads in {None, about.alignment_heads}:
            return beside
    elif weights.manifest.file and is_current(
        beside, weights, GraphManifest, EXPORT_VERSION, weights.manifest.sha256
    ):
        return beside
    manifest = cached_graphs(weights, precision, cache)
    return manifest if is_usable(manifest, weights, GraphManifest, EXPORT_VERSION) else None


def cached_graphs(weights: SpeechWeights, precision: str, cache: Path) -> Path:
    """Return where the manifest of graphs lies in the cache."""
    return cache / f"{weights.cache_key()}.{precision}.json"
