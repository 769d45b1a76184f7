"""Whisper's architecture in plain modules, under openai-whisper's parameter names.

openai-whisper's own Linear and LayerNorm cast on every call, and its softmax runs over all 51,864
tokens; training with these modules is several times faster and the weights fit both.
Source: Radford et al. 2022, arXiv:2212.04356, section 2.2; openai-whisper ``model.py``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

CTC_CLASSES = 29  # blank, space, apostrophe, a to z
_MAX_TIMESCALE = 10_000


class NetworkSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The dimensions of openai-whisper's ``ModelDimensions`` that a recipe chooses."""

    width: int = 240
    heads: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 2
    mel_bands: int = 80
    audio_context: int = 1500
    text_context: int = 448


class DecoderOutput(NamedTuple):
    """Logits (batch, tokens, vocabulary) and every layer's cross-attention.

    Each ``attention`` has shape (batch, heads, tokens, frames) and sums to 1 over the frames.
    """

    logits: Tensor
    attention: tuple[Tensor, ...]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        return x.view(batch, length, self.heads, -1).transpose(1, 2)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        query, key, value = (
            self._split(part) for part in (self.query(x), self.key(x), self.value(x))
        )
        if causal:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            # On a CPU, two products and a softmax take half the time of the fused kernel here.
            scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
            mixed = scores.softmax(dim=-1) @ value
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result

    def with_weights(self, x: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attended values and the weights (batch, heads, queries, keys)."""
        query, key = self._split(self.query(x)), self._split(self.key(source))
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        weights = scores.float().softmax(dim=-1)
        mixed = weights.to(query.dtype) @ self._split(self.value(source))
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, *, cross: bool) -> None:
        super().__init__()
        self.attn = _Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        if cross:
            self.cross_attn = _Attention(width, heads)
            self.cross_attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def encode(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.attn_ln(x))
        return x + self.mlp(self.mlp_ln(x))  # type: ignore[no-any-return]

    def decode(self, x: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        x = x + self.attn(self.attn_ln(x), causal=True)
        attended, weights = self.cross_attn.with_weights(self.cross_attn_ln(x), audio)
        x = x + attended
        return x + self.mlp(self.mlp_ln(x)), weights


def sinusoids(length: int, channels: int) -> Tensor:
    """Return Whisper's encoder positions, shape (length, channels)."""
    step = math.log(_MAX_TIMESCALE) / (channels // 2 - 1)
    scales = torch.exp(-step * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * scales[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class _Encoder(nn.Module):
    positional_embedding: Tensor

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(size.mel_bands, size.width, 3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, 3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(size.audio_context, size.width))
        self.blocks = nn.ModuleList(
            _Block(size.width, size.heads, cross=False) for _ in range(size.encoder_layers)
        )
        self.ln_post = nn.LayerNorm(size.width)

    def forward(self, mel: Tensor) -> Tensor:
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positional_embedding[: x.shape[1]].to(x.dtype)
        for block in self.blocks:
            x = block.encode(x)  # type: ignore[operator]
        result: Tensor = self.ln_post(x)
        return result


class _Decoder(nn.Module):
    def __init__(self, size: NetworkSize, vocabulary: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocabulary, size.width)
        self.positional_embedding = nn.Parameter(torch.empty(size.text_context, size.width))
        self.blocks = nn.ModuleList(
            _Block(size.width, size.heads, cross=True) for _ in range(size.decoder_layers)
        )
        self.ln = nn.LayerNorm(size.width)

    def forward(self, tokens: Tensor, audio: Tensor) -> DecoderOutput:
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        attention = []
        for block in self.blocks:
            x, weights = block.decode(x, audio)  # type: ignore[operator]
            attention.append(weights)
        logits = F.linear(self.ln(x), self.token_embedding.weight)
        return DecoderOutput(logits, tuple(attention))


class SpeechNetwork(nn.Module):
    """Encoder and decoder over a sub-vocabulary, with the auxiliary heads of the training.

    The last dimension of the decoder's final LayerNorm is the constant 1 (weight 0, bias 1), so
    that a token's embedding in that dimension is its bias: the export gives the unused tokens a
    bias that no hypothesis overcomes.
    """

    def __init__(self, size: NetworkSize, *, vocabulary: int, phone_sets: dict[str, int]) -> None:
        """Initialise with torch's current random state.

        Args:
            size: The dimensions.
            vocabulary: Tokens in use.
            phone_sets: Number of phones of every synthesiser.
        """
        super().__init__()
        self.size = size
        self.encoder = _Encoder(size)
        self.decoder = _Decoder(size, vocabulary)
        self.ctc_head = nn.Linear(size.width, CTC_CLASSES)
        self.phone_heads = nn.ModuleDict(
            {name: nn.Linear(size.width, count) for name, count in phone_sets.items()}
        )
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5 * 0.6)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.decoder.token_embedding.weight, std=0.03)
        nn.init.normal_(self.decoder.positional_embedding, std=0.02)
        with torch.no_grad():
            self.decoder.token_embedding.weight[:, -1] = 0.0
        self.hold_constant()

    def hold_constant(self) -> None:
        """Put the constant dimension back: call it after every optimiser step."""
        with torch.no_grad():
            self.decoder.ln.weight[-1] = 0.0
            self.decoder.ln.bias[-1] = 1.0
