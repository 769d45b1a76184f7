"""Whisper folders of Hugging Face: safetensors, configuration, vocabulary."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load_file

from models.asr.checkpoints.content import CheckpointContent
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
    config = orjson.loads((folder / CONFIG).read_bytes())
    state, dims = openai_state(tensors, config)
    generation = folder / _GENERATION
    settings = orjson.loads(generation.read_bytes()) if generation.is_file() else {}
    heads = settings.get("alignment_heads") or ()
    return CheckpointContent(
        dims,
        state,
        vocabulary=find_vocabulary(folder, dims["n_vocab"]),
        heads=tuple((int(layer), int(head)) for layer, head in heads),
        sha256=digest.hexdigest(),
    )


def tensor_files(folder: Path) -> list[str]:
    """Return the names of the files with weights."""
    index = folder / _INDEX
    if not index.is_file():
        return [TENSORS]
    return sorted(set(orjson.loads(index.read_bytes())["weight_map"].values()))


def _read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ModelIntegrityError(f"{path} is no file of weights, or damaged ({error})") from error
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
