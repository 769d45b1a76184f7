"""Decoder weights balanced for int8: the same function, with less lost to rounding.

The rows of a weight share their scales across channels, and so do the activations, so that a
channel that is much larger than the others leaves these few steps. What a layer norm feeds can take
a factor for each channel from the norm. Source: Xiao et al. 2022, arXiv:2211.10438, with the norm's
own weight and bias in place of measured activations, so that no audio is needed.
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
_LEAST = 1e-5
_NORM, _EMBEDDING = "decoder.ln", "decoder.token_embedding.weight"


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
        _move(balanced, f"{block}.attn_ln", attention)
        _move(balanced, f"{block}.cross_attn_ln", [f"{block}.cross_attn.query.weight"])
        _move(balanced, f"{block}.mlp_ln", [f"{block}.mlp.0.weight"])
    factors = _move(balanced, _NORM, [_EMBEDDING])
    return BalancedDecoder(balanced, np.float32(1) / factors)


def _move(tensors: dict[str, FloatArray], norm: str, products: Sequence[str]) -> FloatArray:
    """Divide a norm's channels and multiply its products' by factors, which are returned."""
    weight, bias = tensors[f"{norm}.weight"], tensors[f"{norm}.bias"]
    activations = np.abs(weight) + np.abs(bias)
    weights = np.max([np.abs(tensors[name]).max(axis=0) for name in products], axis=0)
    logs = _TO_WEIGHTS * np.log(np.maximum(activations, _LEAST))
    logs -= (1 - _TO_WEIGHTS) * np.log(np.maximum(weights, _LEAST))
    factors: FloatArray = np.exp(logs - logs.mean()).astype(np.float32)
    tensors[f"{norm}.weight"], tensors[f"{norm}.bias"] = weight / factors, bias / factors
    for name in products:
        tensors[name] = tensors[name] * factors
    return factors
