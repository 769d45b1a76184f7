"""openai-whisper's checkpoints and vocabularies; the one form of weights that needs torch.

The project's own files are of this form, with the vocabulary cut to ``token_ids``.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.asr.checkpoints.content import CheckpointContent
from models.asr.core.vocabulary import MULTILINGUAL_VOCABULARY, Vocabulary
from models.extras.torch import torch, whisper
from models.store.manifest import sha256_of
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

TOKENS_BESIDE_LANGUAGES = 51_765  # of a multilingual vocabulary, one language not counted
_DAMAGED = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)  # of a file that holds something else


def read_name(name: str) -> CheckpointContent:
    """Return the weights that openai-whisper has under a name, downloaded where they are not.

    Raises:
        ModelNotFoundError: It has none, or the download failed.
    """
    try:
        model = whisper.load_model(name, device="cpu")
    except OSError as error:
        raise ModelNotFoundError(
            f"the weights {name!r} could not be read or downloaded ({error}); "
            "give the path of a checkpoint, or use 'bundled'"
        ) from error
    except _DAMAGED as error:
        raise ModelNotFoundError(
            f"openai-whisper has no weights {name!r}, or their download was damaged: use one of "
            f"{', '.join(whisper.available_models())}, a path to a .pt file, to a CTranslate2 "
            "folder or to a Hugging Face folder, or 'bundled'"
        ) from error
    heads = tuple((layer, head) for layer, head in model.alignment_heads.indices().T.tolist())
    state = {key: value for key, value in model.state_dict().items() if key != "alignment_heads"}
    return CheckpointContent(vars(model.dims), _arrays(state), heads=heads)


def read_file(source: str) -> CheckpointContent:
    """Return the weights of a ``.pt`` file.

    Raises:
        ModelIntegrityError: Not such a file, or damaged.
    """
    path = Path(source)
    sha256 = sha256_of(path)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return CheckpointContent(
            content["dims"],
            _arrays(content["model_state_dict"]),
            token_ids=content.get("token_ids"),
            sha256=sha256,
        )
    except _DAMAGED as error:
        reason = str(error).partition(". ")[0]
        message = f"{path} is no Whisper checkpoint, or damaged ({reason})"
        raise ModelIntegrityError(message) from error


def official_vocabulary(size: int) -> Vocabulary:
    """Return openai-whisper's vocabulary of this size."""
    tokenizer = official_tokenizer(size)
    special = {name.strip("<|>"): number for name, number in tokenizer.special_tokens.items()}
    first = min(special.values())
    pieces = [tokenizer.encoding.decode_single_token_bytes(number) for number in range(first)]
    return Vocabulary((*pieces, *(b"" for _ in range(first, size))), special)


def official_tokenizer(size: int) -> Any:
    """Return openai-whisper's tokenizer for a vocabulary of this size."""
    is_multilingual = size >= MULTILINGUAL_VOCABULARY
    languages = size - TOKENS_BESIDE_LANGUAGES - 1 if is_multilingual else 99
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # whisper leaves its vocabulary file open
        return whisper.tokenizer.get_tokenizer(is_multilingual, num_languages=languages)


def _arrays(state: Mapping[str, Tensor]) -> dict[str, npt.NDArray[np.float32]]:
    return {name: tensor.float().numpy() for name, tensor in state.items()}
