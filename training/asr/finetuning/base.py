"""The weights that a fine-tuning run begins with, whatever they are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.asr.checkpoint import read_checkpoint
from models.asr.hugging_face import MULTILINGUAL_VOCABULARY, hugging_face_state
from models.asr.weights import HUGGING_FACE_FILE, find_weights

if TYPE_CHECKING:
    from torch import Tensor

    from models.asr.checkpoint import WhisperCheckpoint
    from models.asr.tokens import TokenTable
    from models.asr.weights import SpeechManifest


@dataclass(frozen=True)
class BaseWeights:
    """Weights and what is known about them.

    Attributes:
        checkpoint: Tensors, sizes, tokens.
        manifest: Encoder context, alignment heads, language.
        folder: Of Hugging Face, with tokenizer and settings; none for other checkpoints.
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
        """Return what the output layer writes."""
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
        model: A name of openai-whisper, the path of one of its ``.pt`` files, the path of a
            Whisper folder of Hugging Face, or ``bundled``.

    Raises:
        ModelNotFoundError: Nothing of that name, or its download failed.
        ModelIntegrityError: Not a Whisper, or damaged.
    """
    weights = find_weights(model)
    folder = Path(weights.source)
    is_folder = (folder / HUGGING_FACE_FILE).is_file()
    return BaseWeights(read_checkpoint(weights), weights.manifest, folder if is_folder else None)
