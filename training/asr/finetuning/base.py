"""The weights that a fine-tuning run begins with, of any format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.asr.checkpoints import ctranslate2_folder
from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.hugging_face import hugging_face_state
from models.asr.checkpoints.weights import HUGGING_FACE_FILE, find_weights
from models.asr.core.vocabulary import MULTILINGUAL_VOCABULARY

if TYPE_CHECKING:
    from torch import Tensor

    from models.asr.checkpoints.checkpoint import WhisperCheckpoint
    from models.asr.checkpoints.weights import SpeechManifest
    from models.asr.core.tokens import TokenTable


@dataclass(frozen=True)
class BaseWeights:
    """Weights and what is known about them.

    Attributes:
        checkpoint: Tensors, sizes, tokens.
        manifest: Encoder context, alignment heads, language.
        folder: A Hugging Face folder with tokenizer and settings; None for other checkpoints.
    """

    checkpoint: WhisperCheckpoint
    manifest: SpeechManifest
    folder: Path | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters under openai-whisper's names, in fp32."""
        return {
            name: torch.from_numpy(array.copy()) for name, array in self.checkpoint.tensors.items()
        }

    @property
    def dims(self) -> dict[str, int]:
        """Return openai-whisper's sizes; ``n_vocab`` is that of the whole vocabulary."""
        return self.checkpoint.dims_as_dict()

    @property
    def tokens(self) -> TokenTable:
        """Return the tokens of the output layer."""
        return self.checkpoint.tokens

    @property
    def is_multilingual(self) -> bool:
        """Return whether the vocabulary names languages."""
        return self.dims["n_vocab"] >= MULTILINGUAL_VOCABULARY

    @property
    def is_cut(self) -> bool:
        """Return whether the output layer writes only a part of the vocabulary."""
        return len(self.tokens.pieces) < self.dims["n_vocab"]

    def network_state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return parameters and configuration of Hugging Face's network over these tokens."""
        sizes = self.dims | {"n_vocab": len(self.tokens.pieces)}
        tensors, config = hugging_face_state(self.tensors, sizes)
        end, start = self.tokens.end_of_text, self.tokens.start
        special = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), end)
        return tensors, config | special | {"decoder_start_token_id": start}


def load_base(model: str) -> BaseWeights:
    """Return the weights that a recipe names.

    Args:
        model: Whatever `find_weights` takes: a name, the path of a ``.pt`` file, or a folder of
            Hugging Face or CTranslate2.

    Raises:
        ModelNotFoundError: There is nothing of that name, or its download failed.
        ModelIntegrityError: Not a Whisper, or damaged.
    """
    weights = find_weights(model)
    folder = Path(weights.source)
    is_other = (folder / ctranslate2_folder.TENSORS).is_file()  # whose settings are CTranslate2's
    is_folder = (folder / HUGGING_FACE_FILE).is_file() and not is_other
    return BaseWeights(read_checkpoint(weights), weights.manifest, folder if is_folder else None)
