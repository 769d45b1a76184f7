"""Whisper checkpoints of any origin, read into one form.

Folders of CTranslate2 and of Hugging Face are read with numpy; openai-whisper's files and names
need torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.asr.checkpoints import ctranslate2_folder, hugging_face_folder
from models.asr.checkpoints.content import CheckpointContent, Heads
from models.asr.checkpoints.vocabulary_files import VOCABULARY_FILES
from models.asr.checkpoints.weights import FOLDER_FILES, SpeechWeights
from models.asr.core.dimensions import WhisperDimensions
from models.asr.core.tensor_shapes import check_tensors
from models.asr.core.tokens import TokenTable
from models.asr.core.vocabulary import Vocabulary, table_of
from schemas.errors import (
    MissingExtraError,
    ModelIntegrityError,
    ModelNotFoundError,
)

if TYPE_CHECKING:
    import numpy.typing as npt

EMBEDDING = "decoder.token_embedding.weight"
_OPENAI = "models.asr.checkpoints.openai"  # imported where it is needed: it imports torch
_GRAPHS = "models.asr.checkpoints.exported_graphs"  # likewise: it imports onnx
_HUB = "models.fetching.hub"  # likewise: it imports what no other form needs
_DAMAGED = (IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class WhisperCheckpoint:
    """Weights in memory.

    Attributes:
        dims: Sizes; ``n_vocab`` is that of the whole vocabulary.
        tensors: fp32 under openai-whisper's names; the embedding has a row for each token of
            ``tokens``.
        tokens: What the output layer writes.
        alignment_heads: (layer, head) of the cross-attention heads that follow the audio.
        sha256: Of the file that they come from, empty for openai-whisper's names.
    """

    dims: WhisperDimensions
    tensors: dict[str, npt.NDArray[np.float32]]
    tokens: TokenTable
    alignment_heads: Heads
    sha256: str

    def dims_as_dict(self) -> dict[str, int]:
        """Return the sizes as openai-whisper takes them."""
        dims: dict[str, int] = msgspec.to_builtins(self.dims)
        return dims


def read_checkpoint(weights: SpeechWeights) -> WhisperCheckpoint:
    """Return the checkpoint of weights in any form.

    That is a name, a ``.pt`` file, a folder of CTranslate2 or Hugging Face, or int8 graphs as
    callstream ships them, which are read back.

    Raises:
        MissingExtraError: openai-whisper's name or file, or weights without a vocabulary, and
            torch is not installed.
        ModelNotFoundError: No such name, or its download failed.
        ModelIntegrityError: Not such a checkpoint, or damaged.
    """
    if weights.is_graphs:
        return _read_back(weights)
    try:
        return _checkpoint(_read(weights), weights)
    except OSError as error:
        raise ModelNotFoundError(
            f"the weights {weights.source!r} could not be read or downloaded ({error}); "
            "give the path of a checkpoint, or use 'bundled'"
        ) from error
    except _DAMAGED as error:
        raise ModelIntegrityError(
            f"{weights.source} is no Whisper checkpoint, or damaged ({error})"
        ) from error


def _read_back(weights: SpeechWeights) -> WhisperCheckpoint:
    manifest, tensors = import_module(_GRAPHS).read_graphs(Path(weights.source))
    heads = weights.manifest.alignment_heads or manifest.alignment_heads
    try:
        manifest.dims.check_heads(heads)
    except ModelIntegrityError as error:
        raise ModelIntegrityError(f"{weights.source} cannot be used: {error}") from error
    return WhisperCheckpoint(
        dims=manifest.dims,
        tensors=tensors,
        tokens=manifest.tokens,
        alignment_heads=heads,
        sha256=weights.manifest.sha256,
    )


def _read(weights: SpeechWeights) -> CheckpointContent:
    path = Path(weights.source)
    if path.is_dir():
        return _read_folder(path)
    is_file = bool(weights.manifest.file) or path.suffix == ".pt"
    if "/" in weights.source and not is_file:
        return _read_folder(import_module(_HUB).download_repository(weights.source, FOLDER_FILES))
    reader = import_module(_OPENAI)
    content: CheckpointContent = (reader.read_file if is_file else reader.read_name)(weights.source)
    return content


def _read_folder(folder: Path) -> CheckpointContent:
    if (folder / ctranslate2_folder.TENSORS).is_file():
        return ctranslate2_folder.read_ctranslate2(folder)
    if not any(folder.glob("*.safetensors")):
        raise ModelNotFoundError(
            f"{folder} has no weights that are read here: {ctranslate2_folder.TENSORS} "
            f"(CTranslate2) or {hugging_face_folder.TENSORS} (Hugging Face)"
        )
    return hugging_face_folder.read_hugging_face(folder)


def _checkpoint(content: CheckpointContent, weights: SpeechWeights) -> WhisperCheckpoint:
    dims = msgspec.convert(dict(content.dims), WhisperDimensions)
    tensors = content.tensors
    heads = weights.manifest.alignment_heads or content.heads or dims.upper_heads()
    try:
        check_tensors(tensors, dims, len(content.token_ids or range(dims.n_vocab)))
        dims.check_heads(heads)
    except ModelIntegrityError as error:
        raise ModelIntegrityError(f"{weights.source} cannot be used: {error}") from error
    token_ids = content.token_ids or _used_tokens(tensors[EMBEDDING])
    if content.token_ids is None and len(token_ids) < len(tensors[EMBEDDING]):
        tensors = tensors | {EMBEDDING: tensors[EMBEDDING][token_ids]}
    vocabulary = content.vocabulary or _official_vocabulary(dims.n_vocab)
    return WhisperCheckpoint(
        dims=dims,
        tensors=tensors,
        tokens=table_of(vocabulary, token_ids),
        alignment_heads=heads,
        sha256=content.sha256,
    )


def _official_vocabulary(size: int) -> Vocabulary:
    try:
        vocabulary: Vocabulary = import_module(_OPENAI).official_vocabulary(size)
    except MissingExtraError as error:
        raise MissingExtraError(
            f"no vocabulary ({', '.join(VOCABULARY_FILES)}) lies beside the weights, and that of "
            f"openai-whisper is not installed: {error}"
        ) from error
    return vocabulary


def _used_tokens(embedding: npt.NDArray[np.float32]) -> list[int]:
    """Return the tokens with an embedding.

    Tokens that training never saw have an embedding of zeros with a negative last dimension (see
    `training.asr.scratch.export`), so that openai-whisper never writes them either.
    """
    is_unused = (embedding[:, :-1] == 0).all(axis=1) & (embedding[:, -1] < 0)
    used: list[int] = np.flatnonzero(~is_unused).tolist()
    return used
