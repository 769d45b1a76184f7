"""The losses of both trainings."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

IGNORED = -100
_SMALLEST_MASS = 1e-4


def guided_attention_loss(attention: Tensor, spans: Tensor, heads: int) -> Tensor:
    """Return how much of the attention lies outside the span of the next token.

    Args:
        attention: Weights that sum to 1 over the frames, shape (batch, heads, tokens, frames).
        spans: First frame and frame after the last of each position's next token, shape
            (batch, tokens, 2); equal where there is nothing to attend to.
        heads: How many heads, from the first, are guided.

    Returns:
        The mean of -log(mass inside the span), a scalar; 0 where no position has a span.
    """
    frames = torch.arange(attention.shape[-1])
    inside = (frames >= spans[..., :1]) & (frames < spans[..., 1:])
    mass = (attention[:, :heads] * inside[:, None]).sum(dim=-1)
    known = (spans[..., 1] > spans[..., 0])[:, None].expand_as(mass)
    if not known.any():
        return attention.sum() * 0.0
    return -mass[known].clamp(min=_SMALLEST_MASS).log().mean()


def phone_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the frame-wise cross-entropy; 0 where no frame of the batch is labelled.

    ``logits`` has shape (batch, frames, phones), ``targets`` (batch, frames) with ``IGNORED``.
    """
    if not bool((targets != IGNORED).any()):
        return logits.sum() * 0.0
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def ctc_loss(logits: Tensor, characters: Tensor, lengths: Tensor) -> Tensor:
    """Return the CTC loss per character.

    ``logits`` has shape (batch, frames, classes), ``characters`` is padded to (batch, longest) and
    ``lengths`` (batch,) says how many are valid. Class 0 is the blank.
    """
    if not bool((lengths > 0).any()):
        return logits.sum() * 0.0
    log_probabilities = logits.float().log_softmax(dim=-1).transpose(0, 1)
    frames = torch.full((logits.shape[0],), logits.shape[1], dtype=torch.long)
    return F.ctc_loss(
        log_probabilities, characters, frames, lengths, zero_infinity=True, reduction="mean"
    )


def token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the decoder's cross-entropy; shapes (batch, tokens, vocabulary), (batch, tokens)."""
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
