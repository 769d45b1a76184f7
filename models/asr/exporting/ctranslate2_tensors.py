"""Whisper's tensors as they are laid out in CTranslate2's specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


class SpecificationTensors:
    """Tensors under openai-whisper's names, copied into CTranslate2's specification."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._tensors = tensors

    def fill_encoder(self, encoder: Any) -> None:
        """Fill convolutions, positions and layers of the encoder."""
        for name in ("conv1", "conv2"):
            convolution = getattr(encoder, name)
            convolution.weight = self._tensors[f"encoder.{name}.weight"]
            convolution.bias = self._tensors[f"encoder.{name}.bias"]
        encoder.position_encodings.encodings = self._tensors["encoder.positional_embedding"]
        self._fill_norm(encoder.layer_norm, "encoder.ln_post")
        for number, layer in enumerate(encoder.layer):
            self._fill_layer(layer, f"encoder.blocks.{number}")

    def fill_decoder(self, decoder: Any) -> None:
        """Fill embedding, positions and layers of the decoder; its output is the embedding."""
        embedding = self._tensors["decoder.token_embedding.weight"]
        decoder.embeddings.weight = decoder.projection.weight = embedding
        decoder.position_encodings.encodings = self._tensors["decoder.positional_embedding"]
        self._fill_norm(decoder.layer_norm, "decoder.ln")
        for number, layer in enumerate(decoder.layer):
            block = f"decoder.blocks.{number}"
            self._fill_layer(layer, block)
            self._fill_norm(layer.attention.layer_norm, f"{block}.cross_attn_ln")
            query, key_value, out = layer.attention.linear
            self._fill_linear(query, f"{block}.cross_attn.query")
            self._fill_linear(key_value, f"{block}.cross_attn.key", f"{block}.cross_attn.value")
            self._fill_linear(out, f"{block}.cross_attn.out")

    def _fill_layer(self, layer: Any, block: str) -> None:
        """Fill in what layers of the encoder and of the decoder have in common."""
        query_key_value, out = layer.self_attention.linear
        parts = [f"{block}.attn.{part}" for part in ("query", "key", "value")]
        self._fill_norm(layer.self_attention.layer_norm, f"{block}.attn_ln")
        self._fill_linear(query_key_value, *parts)
        self._fill_linear(out, f"{block}.attn.out")
        self._fill_norm(layer.ffn.layer_norm, f"{block}.mlp_ln")
        self._fill_linear(layer.ffn.linear_0, f"{block}.mlp.0")
        self._fill_linear(layer.ffn.linear_1, f"{block}.mlp.2")

    def _fill_norm(self, norm: Any, name: str) -> None:
        norm.gamma, norm.beta = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]

    def _fill_linear(self, linear: Any, *names: str) -> None:
        """Fill in one or several products as one; Whisper's keys have no bias."""
        weights = [self._tensors[f"{name}.weight"] for name in names]
        linear.weight = np.concatenate(weights)
        linear.bias = np.concatenate(
            [
                self._tensors.get(f"{name}.bias", np.zeros(len(weight), np.float32))
                for name, weight in zip(names, weights, strict=True)
            ]
        )
