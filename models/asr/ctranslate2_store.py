"""Checkpoints converted for CTranslate2: written once into the cache, checked at every load."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.asr.exports import ExportManifest, is_current
from models.audio.samples import SAMPLE_RATE_HZ
from models.registry import load_manifest, sha256_of, verified_weights, write_manifest
from schemas.errors import MissingExtraError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from models.asr.checkpoint import WhisperCheckpoint
    from models.asr.tokens import TokenTable
    from models.asr.weights import SpeechWeights

FORMAT = "ctranslate2"
EXPORT_VERSION = 1  # of the conversion: a cache of another version is converted again
FILES = ("model.bin", "config.json", "vocabulary.json")


class ConvertedManifest(ExportManifest, frozen=True, kw_only=True):
    """What stands beside a converted checkpoint; ``file`` is its tensors, in fp32."""

    export_version: int = EXPORT_VERSION


def find_converted(weights: SpeechWeights, cache: Path) -> Path:
    """Return the manifest of converted weights, from the cache or converted now.

    Raises:
        MissingExtraError: They have to be converted, and what that takes is not installed.
        ModelNotFoundError: No such weights.
        ModelIntegrityError: Damaged weights.
    """
    manifest = cache / f"{weights.cache_key()}.ctranslate2.json"
    if is_current(manifest, ConvertedManifest, EXPORT_VERSION):
        return manifest
    try:
        from models.asr.checkpoint import read_checkpoint  # noqa: PLC0415  torch takes a second
    except ImportError as error:
        raise MissingExtraError(
            f"{weights.source!r} has to be converted once, which needs {error.name}: "
            "pip install 'callstream[torch]'"
        ) from error
    cache.mkdir(parents=True, exist_ok=True)
    return convert(read_checkpoint(weights), weights.manifest.name, manifest)


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
    with tempfile.TemporaryDirectory(dir=path.parent) as partial:
        spec.save(partial)
        for file in FILES:
            os.replace(Path(partial) / file, folder / file)  # noqa: PTH105  whole or not at all
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
    from ctranslate2.specs import WhisperSpec  # noqa: PLC0415  loads torch where there is one

    dims, tensors = checkpoint.dims, SpecificationTensors(checkpoint.tensors)
    spec = WhisperSpec(dims.n_audio_layer, dims.n_audio_head, dims.n_text_layer, dims.n_text_head)
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


class SpecificationTensors:
    """Tensors under openai-whisper's names, laid into CTranslate2's specification part by part."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._tensors = tensors

    def fill_encoder(self, encoder: Any) -> None:
        """Fill convolutions, positions and layers of the encoder."""
        for name in ("conv1", "conv2"):
            convolution = getattr(encoder, name)
            convolution.weight = self._tensors[f"encoder.{name}.weight"]
            convolution.bias = self._tensors[f"encoder.{name}.bias"]
        encoder.position_encodings.encodings = self._tensors["encoder.positional_embedding"]
        self._fill_norm(encoder.layer_norm, "encoder.ln_post")
        for number, layer in enumerate(encoder.layer):
            self._fill_layer(layer, f"encoder.blocks.{number}")

    def fill_decoder(self, decoder: Any) -> None:
        """Fill embedding, positions and layers of the decoder; its output is the embedding."""
        embedding = self._tensors["decoder.token_embedding.weight"]
        decoder.embeddings.weight = decoder.projection.weight = embedding
        decoder.position_encodings.encodings = self._tensors["decoder.positional_embedding"]
        self._fill_norm(decoder.layer_norm, "decoder.ln")
        for number, layer in enumerate(decoder.layer):
            block = f"decoder.blocks.{number}"
            self._fill_layer(layer, block)
            self._fill_norm(layer.attention.layer_norm, f"{block}.cross_attn_ln")
            query, key_value, out = layer.attention.linear
            self._fill_linear(query, f"{block}.cross_attn.query")
            self._fill_linear(key_value, f"{block}.cross_attn.key", f"{block}.cross_attn.value")
            self._fill_linear(out, f"{block}.cross_attn.out")

    def _fill_layer(self, layer: Any, block: str) -> None:
        """Fill in what layers of the encoder and of the decoder have in common."""
        query_key_value, out = layer.self_attention.linear
        parts = [f"{block}.attn.{part}" for part in ("query", "key", "value")]
        self._fill_norm(layer.self_attention.layer_norm, f"{block}.attn_ln")
        self._fill_linear(query_key_value, *parts)
        self._fill_linear(out, f"{block}.attn.out")
        self._fill_norm(layer.ffn.layer_norm, f"{block}.mlp_ln")
        self._fill_linear(layer.ffn.linear_0, f"{block}.mlp.0")
        self._fill_linear(layer.ffn.linear_1, f"{block}.mlp.2")

    def _fill_norm(self, norm: Any, name: str) -> None:
        norm.gamma, norm.beta = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]

    def _fill_linear(self, linear: Any, *names: str) -> None:
        """Fill in one or several products as one; Whisper's keys have no bias."""
        weights = [self._tensors[f"{name}.weight"] for name in names]
        linear.weight = np.concatenate(weights)
        linear.bias = np.concatenate(
            [
                self._tensors.get(f"{name}.bias", np.zeros(len(weight), np.float32))
                for name, weight in zip(names, weights, strict=True)
            ]
        )
