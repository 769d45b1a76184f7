"""What readers of every form of checkpoint hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from models.asr.core.vocabulary import Vocabulary

Heads = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class CheckpointContent:
    """Weights as they were read.

    Attributes:
        dims: openai-whisper's ``ModelDimensions``.
        tensors: fp32 under openai-whisper's names.
        vocabulary: Whole; None where no file came with the weights.
        token_ids: Tokens of the output layer, if it has been cut to them.
        heads: (layer, head) of the cross-attention heads that follow the audio; none if unknown.
        sha256: Of the file that the weights come from; empty for openai-whisper's names.
    """

    dims: Mapping[str, int]
    tensors: dict[str, npt.NDArray[np.float32]]
    vocabulary: Vocabulary | None = None
    token_ids: list[int] | None = None
    heads: Heads = ()
    sha256: str = ""
