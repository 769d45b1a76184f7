"""Exported graphs on disk: a manifest with hashes beside two ONNX files, bundled or in a cache."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from models.asr.exports import ExportManifest, is_current
from models.asr.onnx_network import OnnxNetwork
from models.audio.samples import SAMPLE_RATE_HZ
from models.onnx_session import open_session
from models.registry import load_manifest, sha256_of, verified_weights, write_manifest
from schemas.errors import MissingExtraError, ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import ModelProto

    from models.asr.checkpoint import WhisperCheckpoint
    from models.asr.onnx_graph import Precision
    from models.asr.weights import SpeechWeights

FORMAT = "callstream-onnx"
EXPORT_VERSION = 1  # of the graphs: a cache of another version is exported again
LARGE_BYTES = 1_800_000_000  # beyond it weights go beside the graph: protobuf ends at 2 GB


class GraphManifest(ExportManifest, frozen=True, kw_only=True):
    """What stands beside exported graphs; ``file`` is the encoder.

    Attributes:
        decoder_file: The decoder, beside the encoder.
    """

    decoder_file: str
    export_version: int = EXPORT_VERSION


def find_graphs(weights: SpeechWeights, precision: Precision, cache: Path) -> Path:
    """Return the manifest of exported graphs: beside the weights, in the cache, or exported now.

    Raises:
        MissingExtraError: They have to be exported, and what that takes is not installed.
        ModelNotFoundError: No such weights.
        ModelIntegrityError: Damaged weights.
    """
    beside = weights.graphs_beside(precision)
    if weights.manifest.file and is_current(
        beside, GraphManifest, EXPORT_VERSION, weights.manifest.sha256
    ):
        return beside
    manifest = cache / f"{weights.cache_key()}.{precision}.json"
    if is_current(manifest, GraphManifest, EXPORT_VERSION):
        return manifest
    missing = [name for name in ("torch", "whisper", "onnx") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{weights.source!r} has to be exported once, which needs {', '.join(missing)}: "
            "pip install 'callstream[torch]'"
        )
    from models.asr.checkpoint import read_checkpoint  # noqa: PLC0415  torch takes a second

    cache.mkdir(parents=True, exist_ok=True)
    return export_graphs(read_checkpoint(weights), weights.manifest.name, precision, manifest)


def export_graphs(
    checkpoint: WhisperCheckpoint, name: str, precision: Precision, path: Path
) -> Path:
    """Write the graphs of a checkpoint and, last, their manifest; return its path.

    Args:
        checkpoint: Weights.
        name: Of the weights.
        precision: Of the products with weights.
        path: Of the manifest; the graphs take its stem.
    """
    from models.asr.network import rule_table  # noqa: PLC0415  with onnx below
    from models.asr.whisper_graphs import decoder_model, encoder_model  # noqa: PLC0415

    aligned = sorted({layer for layer, _ in checkpoint.alignment_heads})
    encoder = encoder_model(checkpoint.tensors, checkpoint.dims, precision)
    decoder = decoder_model(
        checkpoint.tensors,
        checkpoint.dims,
        precision,
        rules=rule_table(checkpoint.tokens),
        aligned_layers=aligned,
    )
    names = [f"{path.stem}.{part}.onnx" for part in ("encoder", "decoder")]
    hashes: dict[str, str] = {}
    for model, file in zip((encoder, decoder), names, strict=True):
        hashes |= _write_model(model, path.parent / file)
    manifest = GraphManifest(
        name=name,
        format=FORMAT,
        file=names[0],
        sha256=hashes.pop(names[0]),
        other_files=hashes,
        sample_rate_hz=SAMPLE_RATE_HZ,
        decoder_file=names[1],
        precision=precision,
        dims=checkpoint.dims,
        tokens=checkpoint.tokens,
        alignment_heads=checkpoint.alignment_heads,
        source_sha256=checkpoint.sha256,
    )
    return write_manifest(manifest, path)


def _write_model(model: ModelProto, path: Path) -> dict[str, str]:
    """Write a graph, its weights beside it if they are large; return the files' hashes."""
    import onnx  # noqa: PLC0415  only an export needs it

    names = [path.name]
    if model.ByteSize() > LARGE_BYTES:
        names.append(f"{path.name}.data")
        onnx.save_model(model, path, save_as_external_data=True, location=names[1])
    else:
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(model.SerializeToString(deterministic=True))
        partial.replace(path)
    return {name: sha256_of(path.parent / name) for name in names}


def load_graphs(path: Path, *, device: str, threads: int) -> OnnxNetwork:
    """Return the network of exported graphs after checking every file.

    Raises:
        ModelNotFoundError: A file is missing.
        ModelIntegrityError: A file is damaged, or the manifest is not one of these.
    """
    manifest = load_manifest(path, GraphManifest)
    if manifest.format != FORMAT:
        raise ModelIntegrityError(f"{path}: format {manifest.format!r}, not {FORMAT!r}")
    encoder_path = verified_weights(path, manifest)
    encoder, decoder = (
        open_session(file, device=device, threads=threads)
        for file in (encoder_path, path.parent / manifest.decoder_file)
    )
    return OnnxNetwork(encoder, decoder, manifest.dims, manifest.tokens, manifest.alignment_heads)
