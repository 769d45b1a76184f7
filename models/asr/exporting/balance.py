"""Decoder weights balanced for few bits: the same function, with less lost to rounding.

The rows of a weight share their scales across channels, and so do the activations, so that a
channel that is much larger than the others leaves these few steps. What a layer norm feeds can take
a factor for each channel from the norm. Source: Xiao et al. 2022, arXiv:2211.10438, with the norm's
own weight and bias in place of measured activations, so that no audio is needed.

The rows of the embedding have much in common. The mean of all goes into the positions, which are
added to what is read; what is written is the same without it, since a softmax looks at differences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.asr.core.dimensions import WhisperDimensions
    from models.audio.samples import FloatArray

    Tensors = Mapping[str, FloatArray]

_TO_WEIGHTS = 0.5  # share of the activations' range that goes over
_TO_EMBEDDING = 0.35  # of their spread: its rows are coded by it
_LEAST = 1e-5
_NORM, _EMBEDDING = "decoder.ln", "decoder.token_embedding.weight"
_POSITIONS = "decoder.positional_embedding"


class BalancedDecoder(NamedTuple):
    """Balanced weights.

    Attributes:
        tensors: Under the names of the weights; those of the encoder are as they were.
        embedding_factors: What a row of the embedding is multiplied with where it is the decoder's
            input, shape (width,).
    """

    tensors: dict[str, FloatArray]
    embedding_factors: FloatArray


def balance_decoder(tensors: Tensors, dims: WhisperDimensions) -> BalancedDecoder:
    """Return weights whose decoder computes the same.

    The encoder gains nothing from it: the range of its activations is not that of its norms.

    Args:
        tensors: Under openai-whisper's names.
        dims: Sizes.
    """
    balanced = dict(tensors)
    for layer in range(dims.n_text_layer):
        block = f"decoder.blocks.{layer}"
        attention = [f"{block}.attn.{part}.weight" for part in ("query", "key", "value")]
        _balance(balanced, f"{block}.attn_ln", attention)
        _balance(balanced, f"{block}.cross_attn_ln", [f"{block}.cross_attn.query.weight"])
        _balance(balanced, f"{block}.mlp_ln", [f"{block}.mlp.0.weight"])
    return BalancedDecoder(balanced, np.float32(1) / _balance_embedding(balanced))


def _balance_embedding(tensors: dict[str, FloatArray]) -> FloatArray:
    """Take the mean from the embedding and balance it; return its factors."""
    mean = tensors[_EMBEDDING].mean(axis=0)
    tensors[_EMBEDDING] = tensors[_EMBEDDING] - mean
    tensors[_POSITIONS] = tensors[_POSITIONS] + mean
    spread = np.hypot(tensors[f"{_NORM}.weight"], tensors[f"{_NORM}.bias"])
    factors = _factors(spread, tensors[_EMBEDDING].std(axis=0), _TO_EMBEDDING)
    _move(tensors, _NORM, [_EMBEDDING], factors)
    return factors


def _balance(tensors: dict[str, FloatArray], norm: str, products: Sequence[str]) -> None:
    activations = np.abs(tensors[f"{norm}.weight"]) + np.abs(tensors[f"{norm}.bias"])
    weights = np.max([np.abs(tensors[name]).max(axis=0) for name in products], axis=0)
    _move(tensors, norm, products, _factors(activations, weights, _TO_WEIGHTS))


def _factors(activations: FloatArray, weights: FloatArray, share: float) -> FloatArray:
    """Return what takes a share of the activations' sizes to the weights."""
    logs = share * np.log(np.maximum(activations, _LEAST))
    logs -= (1 - share) * np.log(np.maximum(weights, _LEAST))
    factors: FloatArray = np.exp(logs - logs.mean()).astype(np.float32)
    return factors


def _move(
    tensors: dict[str, FloatArray], norm: str, products: Sequence[str], factors: FloatArray
) -> None:
    """Divide a norm's channels and multiply its products' by factors."""
    for name in (f"{norm}.weight", f"{norm}.bias"):
        tensors[name] = tensors[name] / factors
    for name in products:
        tensors[name] = tensors[name] * factors
