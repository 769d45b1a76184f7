"""The whole vocabulary from a part of it, as openai-whisper and transformers require."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

TOKEN_EMBEDDING = "decoder.token_embedding.weight"  # noqa: S105
UNUSED_TOKEN_BIAS = -30.0


def whole_embedding(used: Tensor, token_ids: Sequence[int], *, size: int) -> Tensor:
    """Return the embedding of all ``size`` tokens, of which some are in use.

    The final LayerNorm gives the constant 1 in its last dimension, so a token's embedding there is
    its bias; unused tokens get ``UNUSED_TOKEN_BIAS`` and 0 elsewhere and are never decoded.

    Args:
        used: Rows of the tokens in use.
        token_ids: Their numbers in the whole vocabulary.
        size: Tokens of the whole vocabulary.
    """
    whole = torch.zeros(size, used.shape[1], dtype=used.dtype)
    whole[:, -1] = UNUSED_TOKEN_BIAS
    whole[torch.tensor(token_ids)] = used
    return whole
