"""Whisper folders of CTranslate2, as faster-whisper loads them, under openai-whisper's names.

Source: CTranslate2 ``specs/whisper_spec.py`` and ``converters/transformers.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.asr.checkpoints.content import AlignedHeads, CheckpointContent, read_json
from models.asr.checkpoints.ctranslate2_file import Ctranslate2File, read_ctranslate2_file
from models.asr.checkpoints.vocabulary_files import find_vocabulary
from models.store.manifest import sha256_of
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Tensor = npt.NDArray[np.float32]

CONFIG = "config.json"
TENSORS = "model.bin"
SPECIFICATION = "WhisperSpec"
REVISION = 3
EXACT_GELU = 3  # of CTranslate2's activations
HEAD_WIDTH = 64  # of every official Whisper
EMBEDDING = "decoder/embeddings/weight"
_QUERY_KEY_VALUE = ("query", "key", "value")
_SETTINGS = {  # that change what is computed, and what Whisper has
    "activation": EXACT_GELU,
    "pre_norm": 1,
    "scale_embeddings": 0,
    "alibi": 0,
}


def read_ctranslate2(folder: Path) -> CheckpointContent:
    """Return the weights of a folder, in fp32 whatever they are kept in.

    Raises:
        ModelIntegrityError: Not a Whisper, damaged, or quantised in an unknown way.
        OSError: A file cannot be read.
    """
    path = folder / TENSORS
    file = read_ctranslate2_file(path)
    if (file.specification, file.revision) != (SPECIFICATION, REVISION):
        raise ModelIntegrityError(
            f"{path} holds {file.specification} of revision {file.revision}, not {SPECIFICATION} "
            f"of revision {REVISION}"
        )
    try:
        tensors = _Renaming(file).tensors()
    except ModelIntegrityError as error:
        raise ModelIntegrityError(f"{path} is not a Whisper that is read here: {error}") from error
    config = read_json(folder / CONFIG, AlignedHeads)
    dims = _dimensions(file, tensors)
    return CheckpointContent(
        dims,
        tensors,
        vocabulary=find_vocabulary(folder, dims["n_vocab"]),
        heads=config.alignment_heads or (),
        sha256=sha256_of(path),
    )


def _dimensions(file: Ctranslate2File, tensors: dict[str, Tensor]) -> dict[str, int]:
    positions, width = tensors["encoder.positional_embedding"].shape
    vocabulary, text_width = tensors["decoder.token_embedding.weight"].shape
    return {
        "n_mels": tensors["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": positions,
        "n_audio_state": width,
        "n_audio_head": file.setting("encoder/num_heads", width // HEAD_WIDTH),
        "n_audio_layer": _layers(file, "encoder"),
        "n_vocab": vocabulary,
        "n_text_ctx": len(tensors["decoder.positional_embedding"]),
        "n_text_state": text_width,
        "n_text_head": file.setting("decoder/num_heads", text_width // HEAD_WIDTH),
        "n_text_layer": _layers(file, "decoder"),
    }


def _layers(file: Ctranslate2File, side: str) -> int:
    prefix = f"{side}/layer_"
    names = (name for name in file.arrays if name.startswith(prefix))
    return len({name.removeprefix(prefix).partition("/")[0] for name in names} - {"norm"})


class _Renaming:
    """A file's tensors under openai-whisper's names; products kept as one are taken apart."""

    def __init__(self, file: Ctranslate2File) -> None:
        self._file = file
        self._found: dict[str, Tensor] = {}
        self._read: set[str] = set()

    def tensors(self) -> dict[str, Tensor]:
        """Return all of them.

        Raises:
            ModelIntegrityError: One is missing, or the file has more than Whisper has.
        """
        self._check_settings()
        for name in ("conv1", "conv2"):
            self._linear(f"encoder/{name}", [f"encoder.{name}"])
        self._one(EMBEDDING, "decoder.token_embedding.weight")
        for side, norm in (("encoder", "ln_post"), ("decoder", "ln")):
            positions = f"{side}/position_encodings/encodings"
            self._one(positions, f"{side}.positional_embedding")
            self._norm(f"{side}/layer_norm", f"{side}.{norm}")
            for number in range(_layers(self._file, side)):
                self._layer(f"{side}/layer_{number}", f"{side}.blocks.{number}")
                if side == "decoder":
                    self._cross_attention(f"{side}/layer_{number}", f"{side}.blocks.{number}")
        self._check_output()
        unknown = sorted(self._file.tensor_names() - self._read)
        if unknown:
            raise ModelIntegrityError(f"it has {unknown[0]} and {len(unknown) - 1} more tensors")
        return self._found

    def _layer(self, theirs: str, ours: str) -> None:
        """Read what layers of the encoder and of the decoder have in common."""
        self._norm(f"{theirs}/self_attention/layer_norm", f"{ours}.attn_ln")
        parts = [f"{ours}.attn.{part}" for part in _QUERY_KEY_VALUE]
        self._linear(f"{theirs}/self_attention/linear_0", parts)
        self._linear(f"{theirs}/self_attention/linear_1", [f"{ours}.attn.out"])
        self._norm(f"{theirs}/ffn/layer_norm", f"{ours}.mlp_ln")
        self._linear(f"{theirs}/ffn/linear_0", [f"{ours}.mlp.0"])
        self._linear(f"{theirs}/ffn/linear_1", [f"{ours}.mlp.2"])

    def _cross_attention(self, theirs: str, ours: str) -> None:
        self._norm(f"{theirs}/attention/layer_norm", f"{ours}.cross_attn_ln")
        parts = [f"{ours}.cross_attn.{part}" for part in _QUERY_KEY_VALUE]
        self._linear(f"{theirs}/attention/linear_0", parts[:1])
        self._linear(f"{theirs}/attention/linear_1", parts[1:])
        self._linear(f"{theirs}/attention/linear_2", [f"{ours}.cross_attn.out"])

    def _norm(self, theirs: str, ours: str) -> None:
        self._one(f"{theirs}/gamma", f"{ours}.weight")
        self._one(f"{theirs}/beta", f"{ours}.bias")

    def _linear(self, theirs: str, parts: Sequence[str]) -> None:
        """Read one product as that of its parts, which have the same size."""
        weight, bias = self._tensor(f"{theirs}/weight"), self._tensor(f"{theirs}/bias")
        if len(weight) % len(parts) or len(bias) != len(weight):
            raise ModelIntegrityError(f"{theirs} has {len(weight)} rows and {len(bias)} biases")
        for name, its_weight, its_bias in zip(
            parts, np.split(weight, len(parts)), np.split(bias, len(parts)), strict=True
        ):
            self._found[f"{name}.weight"] = its_weight
            if not name.endswith(".key"):
                self._found[f"{name}.bias"] = its_bias
            elif its_bias.any():
                raise ModelIntegrityError(f"the keys of {theirs} have a bias")

    def _one(self, theirs: str, ours: str) -> None:
        self._found[ours] = self._tensor(theirs)

    def _tensor(self, name: str) -> Tensor:
        self._read.add(name)
        return self._file.tensor(name)

    def _check_settings(self) -> None:
        for side in ("encoder", "decoder"):
            for name, expected in _SETTINGS.items():
                found = self._file.setting(f"{side}/{name}", expected)
                if found != expected:
                    raise ModelIntegrityError(f"{side}/{name} is {found}, not {expected}")

    def _check_output(self) -> None:
        """Refuse an output layer that is not the embedding; where it is, it has no scale."""
        arrays, name = self._file.arrays, "decoder/projection/weight"
        self._read.add(name)
        if not np.array_equal(arrays.get(name, arrays[EMBEDDING]), arrays[EMBEDDING]):
            raise ModelIntegrityError("the output layer is not the token embedding")
