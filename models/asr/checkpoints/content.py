"""What readers of every form of checkpoint share: what they hand over, how they read JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from models.asr.core.vocabulary import Vocabulary

Heads = tuple[tuple[int, int], ...]
T = TypeVar("T")


class AlignedHeads(msgspec.Struct, frozen=True):
    """What a folder's configuration says of the heads that follow the audio, if anything."""

    alignment_heads: Heads | None = None


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


def read_json(path: Path, kind: type[T]) -> T:
    """Return what a JSON file says; fields that ``kind`` does not know are ignored.

    Raises:
        ModelIntegrityError: No JSON, or of another kind.
        OSError: It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelIntegrityError(
            f"{path} is not such a file as lies in a folder of Whisper, or damaged: {error}"
        ) from error
