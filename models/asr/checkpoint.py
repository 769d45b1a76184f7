"""Whisper checkpoints of any origin, read with torch into one form.

openai-whisper names and files, Hugging Face folders, and this project's own files, which are
openai-whisper's with the vocabulary cut to ``token_ids``.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson
import torch
import whisper
from whisper.tokenizer import Tokenizer, get_tokenizer

from models.asr.dimensions import WhisperDimensions
from models.asr.hugging_face import MULTILINGUAL_VOCABULARY, openai_state
from models.asr.tokens import TokenTable, table_of
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from models.asr.weights import SpeechWeights

    Heads = tuple[tuple[int, int], ...]

EMBEDDING = "decoder.token_embedding.weight"
TOKENS_BESIDE_LANGUAGES = 51_765  # of a multilingual vocabulary, one language not counted
_DAMAGED = (RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError)


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


@dataclass(frozen=True, slots=True)
class _Raw:
    dims: dict[str, int]
    state: dict[str, Tensor]
    token_ids: list[int] | None = None
    heads: Heads = ()
    sha256: str = ""


def read_checkpoint(weights: SpeechWeights) -> WhisperCheckpoint:
    """Return the checkpoint of a name, a ``.pt`` file or a Hugging Face folder.

    Raises:
        ModelNotFoundError: No such name, or its download failed.
        ModelIntegrityError: Not such a checkpoint, or damaged.
    """
    path = Path(weights.source)
    is_file = bool(weights.manifest.file) or path.suffix == ".pt"
    is_path = is_file or path.is_dir()
    try:
        if not is_path and "/" in weights.source:
            raw = _read_folder(_downloaded_folder(weights.source))
        elif path.is_dir():
            raw = _read_folder(path)
        else:
            raw = _read_file(path) if is_file else _read_name(weights.source)
        return _checkpoint(raw, weights.manifest.alignment_heads)
    except OSError as error:
        raise ModelNotFoundError(
            f"the weights {weights.source!r} could not be read or downloaded ({error}); "
            "give the path of a checkpoint, or use 'bundled'"
        ) from error
    except _DAMAGED as error:
        if not is_path:
            raise ModelNotFoundError(
                f"openai-whisper has no weights {weights.source!r}, or their download was "
                f"damaged: use one of {', '.join(whisper.available_models())}, a path to a .pt "
                "file or a Hugging Face folder, or 'bundled'"
            ) from error
        raise ModelIntegrityError(
            f"{weights.source} is no Whisper checkpoint, or damaged ({error})"
        ) from error


def _downloaded_folder(name: str) -> Path:
    """Return the folder of a Hugging Face repository, downloaded if it is not in its cache."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415  only these names need it

    patterns = ["*.json", "*.safetensors"]
    return Path(snapshot_download(name, allow_patterns=patterns))


def _read_name(name: str) -> _Raw:
    model = whisper.load_model(name, device="cpu")
    heads = tuple((layer, head) for layer, head in model.alignment_heads.indices().T.tolist())
    state = {key: value for key, value in model.state_dict().items() if key != "alignment_heads"}
    return _Raw(vars(model.dims), state, heads=heads)


def _read_file(path: Path) -> _Raw:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return _Raw(
        content["dims"], content["model_state_dict"], content.get("token_ids"), sha256=sha256
    )


def _read_folder(folder: Path) -> _Raw:
    from safetensors.torch import load_file  # noqa: PLC0415  only these folders need it

    index = folder / "model.safetensors.index.json"
    names = ["model.safetensors"]
    if index.is_file():
        names = sorted(set(orjson.loads(index.read_bytes())["weight_map"].values()))
    tensors: dict[str, Tensor] = {}
    digest = hashlib.sha256()
    for name in names:
        digest.update((folder / name).read_bytes())
        tensors |= load_file(folder / name)
    config = orjson.loads((folder / "config.json").read_bytes())
    state, dims = openai_state(tensors, config)
    generation = folder / "generation_config.json"
    settings = orjson.loads(generation.read_bytes()) if generation.is_file() else {}
    heads = tuple((int(layer), int(head)) for layer, head in settings.get("alignment_heads") or ())
    return _Raw(dims, state, heads=heads, sha256=digest.hexdigest())


def _checkpoint(raw: _Raw, known_heads: Heads) -> WhisperCheckpoint:
    dims = msgspec.convert(raw.dims, WhisperDimensions)
    tensors = {name: tensor.float().numpy() for name, tensor in raw.state.items()}
    token_ids = raw.token_ids or _used_tokens(tensors[EMBEDDING])
    if raw.token_ids is None and len(token_ids) < len(tensors[EMBEDDING]):
        tensors[EMBEDDING] = tensors[EMBEDDING][token_ids]
    if tensors[EMBEDDING].shape != (len(token_ids), dims.n_text_state):
        raise ValueError("the embedding does not fit the vocabulary")
    return WhisperCheckpoint(
        dims=dims,
        tensors=tensors,
        tokens=official_table(dims.n_vocab, token_ids),
        alignment_heads=known_heads or raw.heads or _upper_half(dims),
        sha256=raw.sha256,
    )


def official_table(vocabulary: int, token_ids: list[int]) -> TokenTable:
    """Return openai-whisper's tokens for a vocabulary of this size, cut to those in use."""
    return table_of(official_tokenizer(vocabulary), token_ids)


def official_tokenizer(vocabulary: int) -> Tokenizer:
    """Return openai-whisper's tokenizer for a vocabulary of this size."""
    is_multilingual = vocabulary >= MULTILINGUAL_VOCABULARY
    languages = vocabulary - TOKENS_BESIDE_LANGUAGES - 1 if is_multilingual else 99
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # whisper leaves its vocabulary file open
        return get_tokenizer(is_multilingual, num_languages=languages)


def _used_tokens(embedding: npt.NDArray[np.float32]) -> list[int]:
    """Return the tokens with an embedding.

    Those that training never saw have none but a negative bias in the last dimension (see
    `training.asr.export`), so that openai-whisper never writes them either.
    """
    is_unused = (embedding[:, :-1] == 0).all(axis=1) & (embedding[:, -1] < 0)
    used: list[int] = np.flatnonzero(~is_unused).tolist()
    return used


def _upper_half(dims: WhisperDimensions) -> Heads:
    """Return all heads of the upper half of the layers, as openai-whisper does."""
    layers = range(dims.n_text_layer // 2, dims.n_text_layer)
    return tuple((layer, head) for layer in layers for head in range(dims.n_text_head))
