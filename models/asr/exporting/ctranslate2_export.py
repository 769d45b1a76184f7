"""Whisper checkpoints written as CTranslate2 reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.ctranslate2_store import FORMAT, ConvertedManifest, cached_conversion
from models.asr.exporting.ctranslate2_tensors import SpecificationTensors
from models.asr.exporting.partial_files import partial_folder
from models.audio.samples import SAMPLE_RATE_HZ
from models.extras.ctranslate2 import ctranslate2
from models.store.manifest import sha256_of, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechWeights
    from models.asr.core.tokens import TokenTable

FILES = ("model.bin", "config.json", "vocabulary.json")


def export_weights(weights: SpeechWeights, _precision: str, cache: Path) -> Path:
    """Return the manifest of weights that were converted just now into the cache, in fp32.

    Raises:
        MissingExtraError: A checkpoint of openai-whisper, and torch is not installed.
        ModelNotFoundError: No such weights.
        ModelIntegrityError: Damaged weights.
    """
    checkpoint = read_checkpoint(weights)
    cache.mkdir(parents=True, exist_ok=True)
    return convert(checkpoint, weights.manifest.name, cached_conversion(weights, cache))


def convert(checkpoint: WhisperCheckpoint, name: str, path: Path) -> Path:
    """Write a checkpoint as CTranslate2 reads it and, last, its manifest; return that one's path.

    Args:
        checkpoint: Weights.
        name: Of the weights.
        path: Of the manifest; the folder takes its stem.
    """
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    spec = _specification(checkpoint)
    with partial_folder(folder) as partial:
        spec.save(str(partial))
        for file in FILES:
            (partial / file).replace(folder / file)  # whole or not at all
    hashes = {f"{folder.name}/{file}": sha256_of(folder / file) for file in FILES}
    manifest = ConvertedManifest(
        name=name,
        format=FORMAT,
        file=f"{folder.name}/{FILES[0]}",
        sha256=hashes.pop(f"{folder.name}/{FILES[0]}"),
        other_files=hashes,
        sample_rate_hz=SAMPLE_RATE_HZ,
        precision="fp32",
        dims=checkpoint.dims,
        tokens=checkpoint.tokens,
        alignment_heads=checkpoint.alignment_heads,
        source_sha256=checkpoint.sha256,
    )
    return write_manifest(manifest, path)


def _specification(checkpoint: WhisperCheckpoint) -> Any:
    """Return the checkpoint as CTranslate2 describes Whisper."""
    dims, tensors = checkpoint.dims, SpecificationTensors(checkpoint.tensors)
    spec = ctranslate2.specs.WhisperSpec(
        dims.n_audio_layer, dims.n_audio_head, dims.n_text_layer, dims.n_text_head
    )
    tensors.fill_encoder(spec.encoder)
    tensors.fill_decoder(spec.decoder)
    spec.register_vocabulary(vocabulary(checkpoint.tokens))
    spec.config.suppress_ids = list(checkpoint.tokens.suppressed)
    spec.config.suppress_ids_begin = list(checkpoint.tokens.suppressed_first)
    spec.config.lang_ids = sorted(checkpoint.tokens.languages.values())
    spec.config.alignment_heads = [list(head) for head in checkpoint.alignment_heads]
    spec.validate()
    spec.optimize()
    return spec


def vocabulary(table: TokenTable) -> list[str]:
    """Return a name for each token.

    CTranslate2 looks for some by their names and never spells text here, so that the others may
    be called anything; that one of them has an empty name is what tells it that the weights are
    multilingual.
    """
    special = {
        table.end_of_text: "<|endoftext|>",
        table.start: "<|startoftranscript|>",
        table.no_timestamps: "<|notimestamps|>",
        **({table.no_speech: "<|nospeech|>"} if table.no_speech >= 0 else {}),
        **{token: f"<|{code}|>" for code, token in table.languages.items()},
    }
    names = [special.get(number, str(number)) for number in range(len(table.pieces))]
    if table.languages:
        names[next(number for number in range(len(names)) if number not in special)] = ""
    return names
