"""The files of bundled weights: int8 graphs and the manifest that the live path reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.weights import GRAPH_FORMAT, find_weights
from models.asr.exporting.onnx_export import export_graphs
from models.audio.samples import SAMPLE_RATE_HZ
from models.row_codes import PLANE_ROWS, CodedRange
from models.store.manifest import sha256_of
from training.asr.bundle.call_texts import word_shares
from training.asr.bundle.vocabulary import cut_vocabulary, needed_tokens, written_tokens
from training.core.json_files import write_json

if TYPE_CHECKING:
    from pathlib import Path

    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechManifest, SpeechWeights
    from models.asr.core.tokens import TokenTable
    from models.onnx_graph import Precision
    from models.row_codes import Bits

PRECISION: Precision = "int8"
RARE_FROM, RAREST_FROM = 4_096, 36_864  # rows of the embedding that have 5 bits, and 4


@dataclass(frozen=True, slots=True)
class BundleSettings:
    """What becomes of the weights.

    Attributes:
        name: As messages carry it.
        tokens: Size of the vocabulary; 0 keeps all that can be written.
        pad_ms: Silence after the audio, to whose end the context is cut; None leaves it to the
            manifest of the weights.
    """

    name: str
    tokens: int
    pad_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files that were written.

    Attributes:
        manifest: What `load_engine` takes.
        tokens: Size of the vocabulary.
        size_bytes: Of all files.
    """

    manifest: Path
    tokens: int
    size_bytes: int


def write_bundle(source: str, text_folder: Path, out: Path, settings: BundleSettings) -> Bundle:
    """Write weights in the form that callstream ships; the same ones give the same bytes.

    ``<name>.int8.*`` are graphs for ONNX Runtime with a manifest that holds the vocabulary,
    ``<name>.json`` is the manifest of the weights, written last.

    Args:
        source: Weights, as `load_engine` takes them, with a whole vocabulary.
        text_folder: Texts of calls, which choose the vocabulary.
        out: Folder for the files.
        settings: Name, size of the vocabulary, context.

    Raises:
        RecipeError: No such size.
        MissingDataError: The texts are not there.
    """
    weights = find_weights(source)
    checkpoint = read_checkpoint(weights)
    if settings.tokens:
        kept = needed_tokens(checkpoint.tokens, word_shares(text_folder), settings.tokens)
    else:
        kept = written_tokens(checkpoint.tokens)
    checkpoint = cut_vocabulary(checkpoint, kept)
    out.mkdir(parents=True, exist_ok=True)
    graphs = out / f"{settings.name}.{PRECISION}.json"
    export_graphs(
        checkpoint, settings.name, PRECISION, graphs, coded=_rare_tokens(checkpoint.tokens)
    )
    manifest = _manifest(weights, checkpoint, graphs, settings)
    path = out / f"{settings.name}.json"
    origin = {"name": weights.manifest.name, "sha256": checkpoint.sha256}
    values = msgspec.to_builtins(manifest) | {"made_from": origin}
    write_json(path, values)
    size_bytes = sum(file.stat().st_size for file in (path, *out.glob(f"{graphs.stem}.*")))
    return Bundle(path, len(checkpoint.tokens.pieces), size_bytes)


def _rare_tokens(table: TokenTable) -> list[CodedRange]:
    """Return the tokens that have fewer bits: those of GPT-2 are numbered by their frequency."""
    end = 1 + max(number for number, piece in enumerate(table.pieces) if piece)
    starts: tuple[tuple[int, Bits], ...] = ((RARE_FROM, 5), (RAREST_FROM, 4))
    ends = (min(RAREST_FROM, end), end)
    ranges = [
        CodedRange(range(start, stop - (stop - start) % PLANE_ROWS), bits)
        for (start, bits), stop in zip(starts, ends, strict=True)
    ]
    return [each for each in ranges if each.rows]


def _manifest(
    weights: SpeechWeights, checkpoint: WhisperCheckpoint, graphs: Path, settings: BundleSettings
) -> SpeechManifest:
    manifest = msgspec.structs.replace(
        weights.manifest,
        name=settings.name,
        format=GRAPH_FORMAT,
        file=graphs.name,
        sha256=sha256_of(graphs),
        other_files={},
        sample_rate_hz=SAMPLE_RATE_HZ,
        alignment_heads=checkpoint.alignment_heads,
        language="" if checkpoint.tokens.languages else "en",
    )
    if settings.pad_ms is None:
        return manifest
    return msgspec.structs.replace(manifest, encoder_context="cut", pad_ms=settings.pad_ms)
