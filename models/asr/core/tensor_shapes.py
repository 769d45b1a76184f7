"""Name and shape of every tensor of a Whisper, under openai-whisper's names.

Source: openai-whisper ``model.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from models.asr.core.dimensions import KERNEL, WhisperDimensions
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Shapes = dict[str, tuple[int, ...]]

FEED_FORWARD_FACTOR = 4


def check_tensors(
    tensors: Mapping[str, npt.NDArray[Any]], dims: WhisperDimensions, tokens: int
) -> None:
    """Compare tensors with what the dimensions ask for.

    Args:
        tensors: Under openai-whisper's names.
        dims: Sizes.
        tokens: Of the output layer.

    Raises:
        ModelIntegrityError: It names the first that is missing, unknown or of another shape.
    """
    _check_dimensions(dims)
    expected = tensor_shapes(dims, tokens)
    for name, shape in expected.items():
        if name not in tensors:
            raise ModelIntegrityError(f"the tensor {name} is missing")
        if tensors[name].shape != shape:
            raise ModelIntegrityError(
                f"the tensor {name} has the shape {tensors[name].shape}, not {shape}, which its "
                "dimensions ask for"
            )
    unknown = next((name for name in tensors if name not in expected), None)
    if unknown is not None:
        raise ModelIntegrityError(f"the tensor {unknown} is none of a Whisper of these dimensions")


def tensor_shapes(dims: WhisperDimensions, tokens: int) -> Shapes:
    """Return the shape of every tensor by its name."""
    audio, text = dims.n_audio_state, dims.n_text_state
    shapes: Shapes = {}
    for number, inputs in enumerate((dims.n_mels, audio), 1):
        shapes[f"encoder.conv{number}.weight"] = (audio, inputs, KERNEL)
        shapes[f"encoder.conv{number}.bias"] = (audio,)
    shapes["encoder.positional_embedding"] = (dims.n_audio_ctx, audio)
    for layer in range(dims.n_audio_layer):
        shapes |= _block(f"encoder.blocks.{layer}", audio, ("attn",))
    shapes |= _norm("encoder.ln_post", audio)
    shapes["decoder.token_embedding.weight"] = (tokens, text)
    shapes["decoder.positional_embedding"] = (dims.n_text_ctx, text)
    for layer in range(dims.n_text_layer):
        shapes |= _block(f"decoder.blocks.{layer}", text, ("attn", "cross_attn"))
    return shapes | _norm("decoder.ln", text)


def _check_dimensions(dims: WhisperDimensions) -> None:
    sizes: dict[str, int] = msgspec.to_builtins(dims)
    for name, size in sizes.items():
        if size < 1:
            raise ModelIntegrityError(f"the dimension {name} is {size}")
    for side in ("audio", "text"):
        width, heads = sizes[f"n_{side}_state"], sizes[f"n_{side}_head"]
        if width % heads:
            raise ModelIntegrityError(f"{heads} heads (n_{side}_head) do not divide {width}")
    if dims.n_audio_state != dims.n_text_state:
        raise ModelIntegrityError(
            f"n_audio_state is {dims.n_audio_state} and n_text_state {dims.n_text_state}: a "
            "Whisper has one width"
        )


def _block(prefix: str, width: int, attentions: tuple[str, ...]) -> Shapes:
    shapes: Shapes = {}
    for attention in attentions:
        shapes |= _norm(f"{prefix}.{attention}_ln", width)
        for part in ("query", "key", "value", "out"):
            shapes[f"{prefix}.{attention}.{part}.weight"] = (width, width)
            if part != "key":  # the only layer without a bias
                shapes[f"{prefix}.{attention}.{part}.bias"] = (width,)
    inner = FEED_FORWARD_FACTOR * width
    shapes |= _norm(f"{prefix}.mlp_ln", width)
    for number, (outputs, inputs) in ((0, (inner, width)), (2, (width, inner))):
        shapes[f"{prefix}.mlp.{number}.weight"] = (outputs, inputs)
        shapes[f"{prefix}.mlp.{number}.bias"] = (outputs,)
    return shapes


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
