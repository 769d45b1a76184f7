"""Whisper checkpoints written as the two graphs that ONNX Runtime runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.onnx_store import FORMAT, GraphManifest, cached_graphs
from models.asr.core.network import writing_rules
from models.asr.exporting.partial_files import partial_folder
from models.asr.exporting.whisper_graphs import OutputLayer, decoder_model, encoder_model
from models.audio.samples import SAMPLE_RATE_HZ
from models.store.manifest import sha256_of, write_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import ModelProto

    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechWeights
    from models.onnx_graph import Precision
    from models.row_codes import CodedRange

LARGE_BYTES = 1_800_000_000  # beyond it weights go beside the graph: protobuf ends at 2 GB


def export_weights(weights: SpeechWeights, precision: Precision, cache: Path) -> Path:
    """Return the manifest of weights that were exported just now into the cache.

    Raises:
        MissingExtraError: A checkpoint of openai-whisper, and torch is not installed.
        ModelNotFoundError: No such weights.
        ModelIntegrityError: Damaged weights.
    """
    checkpoint = read_checkpoint(weights)
    cache.mkdir(parents=True, exist_ok=True)
    path = cached_graphs(weights, precision, cache)
    return export_graphs(checkpoint, weights.manifest.name, precision, path)


def export_graphs(
    checkpoint: WhisperCheckpoint,
    name: str,
    precision: Precision,
    path: Path,
    *,
    coded: Sequence[CodedRange] = (),
) -> Path:
    """Write the graphs of a checkpoint and, last, their manifest; return its path.

    Args:
        checkpoint: Weights.
        name: Of the weights.
        precision: Of the products with weights.
        path: Of the manifest; the graphs take its stem.
        coded: Rows of the embedding that int8 holds in fewer bits.
    """
    aligned = sorted({layer for layer, _ in checkpoint.alignment_heads})
    encoder = encoder_model(checkpoint.tensors, checkpoint.dims, precision)
    decoder = decoder_model(
        checkpoint.tensors,
        checkpoint.dims,
        precision,
        output=OutputLayer(writing_rules(checkpoint.tokens), coded),
        aligned_layers=aligned,
    )
    names = [f"{path.stem}.{part}.onnx" for part in ("encoder", "decoder")]
    hashes: dict[str, str] = {}
    for model, file in zip((encoder, decoder), names, strict=True):
        hashes |= write_model(model, path.parent / file)
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


def write_model(model: ModelProto, path: Path) -> dict[str, str]:
    """Write a graph, its weights beside it if they are large; return the files' hashes.

    Both are written in a folder of their own first: onnx would append the weights to those of an
    earlier export.
    """
    names = [path.name]
    with partial_folder(path) as partial:
        if model.ByteSize() > LARGE_BYTES:
            names.append(f"{path.name}.data")
            whole = partial / path.name
            onnx.save_model(model, whole, save_as_external_data=True, location=names[1])
        else:
            (partial / path.name).write_bytes(model.SerializeToString(deterministic=True))
        hashes = {name: sha256_of(partial / name) for name in names}
        for name in names:
            (partial / name).replace(path.parent / name)
    return hashes
