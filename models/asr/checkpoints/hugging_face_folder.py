"""Whisper folders of Hugging Face: safetensors, configuration, vocabulary."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from models.asr.checkpoints.content import AlignedHeads, CheckpointContent, read_json
from models.asr.checkpoints.hugging_face import openai_state
from models.asr.checkpoints.vocabulary_files import find_vocabulary
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

CONFIG = "config.json"
TENSORS = "model.safetensors"
_INDEX = "model.safetensors.index.json"  # of weights in several files
_GENERATION = "generation_config.json"


class _Index(msgspec.Struct):
    """Which file has which tensor."""

    weight_map: dict[str, str]


def read_hugging_face(folder: Path) -> CheckpointContent:
    """Return the weights of a folder.

    Raises:
        ModelIntegrityError: Not a Whisper, or damaged.
        OSError: A file cannot be read.
    """
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    digest = hashlib.sha256()
    for name in tensor_files(folder):
        digest.update((folder / name).read_bytes())
        tensors |= _read_tensors(folder / name)
    config = read_json(folder / CONFIG, dict[str, Any])
    state, dims = openai_state(tensors, config)
    generation = folder / _GENERATION
    settings = read_json(generation, AlignedHeads) if generation.is_file() else AlignedHeads()
    return CheckpointContent(
        dims,
        state,
        vocabulary=find_vocabulary(folder, dims["n_vocab"]),
        heads=settings.alignment_heads or (),
        sha256=digest.hexdigest(),
    )


def tensor_files(folder: Path) -> list[str]:
    """Return the names of the files with weights."""
    index = folder / _INDEX
    if not index.is_file():
        return [TENSORS]
    return sorted(set(read_json(index, _Index).weight_map.values()))


def _read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ModelIntegrityError(f"{path} is no file of weights, or damaged ({error})") from error
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
