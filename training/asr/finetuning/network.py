"""Hugging Face's Whisper on windows of any length, and its greedy decoding.

Its own forward pass accepts 30 s of audio only; its layers take any length.
Source: ``modeling_whisper.py`` of transformers; Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
from transformers import WhisperConfig, WhisperForConditionalGeneration

from models.asr.core.dimensions import POSITION_MS
from models.asr.decoding.whisper_engine import MAX_TOKENS_PER_SECOND, SPARE_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

POSITIONS_PER_SECOND = 1000 // POSITION_MS


def build_network(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> WhisperForConditionalGeneration:
    """Return the network of Hugging Face's names and configuration, in fp32, in eval mode."""
    with torch.device("meta"):
        network: Any = WhisperForConditionalGeneration(WhisperConfig(**config))
    state = {name: tensor.detach().float().clone() for name, tensor in tensors.items()}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    network.load_state_dict(state, assign=True)
    network.tie_weights()
    built: WhisperForConditionalGeneration = network.eval()
    return built


def encode(network: WhisperForConditionalGeneration, mel: Tensor) -> Tensor:
    """Return the encoder's features, shape (batch, frames / 2, width).

    Args:
        network: With its adapters, if any.
        mel: Shape (batch, mel_bands, frames), frames even and no more than the context.
    """
    encoder: Any = network.model.encoder
    x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel)))).permute(0, 2, 1)
    x = x + encoder.embed_positions.weight[: x.shape[1]]
    for layer in encoder.layers:
        x = layer(x, None)
    features: Tensor = encoder.layer_norm(x)
    return features


def decode(network: WhisperForConditionalGeneration, tokens: Tensor, features: Tensor) -> Tensor:
    """Return the logits of every next token, shape (batch, tokens, vocabulary)."""
    logits: Tensor = network.proj_out(decoder_states(network, tokens, features))
    return logits


def decoder_states(
    network: WhisperForConditionalGeneration, tokens: Tensor, features: Tensor
) -> Tensor:
    """Return the decoder's last states, shape (batch, tokens, width)."""
    output = network.model.decoder(
        input_ids=tokens, encoder_hidden_states=features, use_cache=False
    )
    states: Tensor = output.last_hidden_state
    return states


def write_greedily(
    network: WhisperForConditionalGeneration,
    features: Tensor,
    opening: Sequence[int],
    banned: Tensor,
    *,
    end: int,
) -> list[list[int]]:
    """Return each window's tokens, the best one at a time, without the opening and the end.

    Args:
        network: In eval mode.
        features: Of the windows, shape (batch, frames, width).
        opening: Tokens that every transcript begins with.
        banned: Added to the logits, shape (vocabulary,): minus infinity for tokens that are never
            written.
        end: Token that ends a transcript.
    """
    batch = len(features)
    tokens = torch.tensor([opening], device=features.device).expand(batch, -1)
    written = torch.empty(batch, 0, dtype=torch.long, device=features.device)
    is_over = torch.zeros(batch, dtype=torch.bool, device=features.device)
    cache = None
    by_duration = features.shape[1] * MAX_TOKENS_PER_SECOND // POSITIONS_PER_SECOND + SPARE_TOKENS
    for _ in range(min(by_duration, network.config.max_target_positions // 2)):
        output = network.model.decoder(
            input_ids=tokens,
            encoder_hidden_states=features,
            past_key_values=cache,
            use_cache=True,
        )
        cache = output.past_key_values
        logits = network.proj_out(output.last_hidden_state[:, -1]).float()
        best = (logits + banned).argmax(dim=-1).masked_fill(is_over, end)
        is_over |= best == end
        if bool(is_over.all()):
            break
        written = torch.cat([written, best[:, None]], dim=1)
        tokens = best[:, None]
    rows: list[list[int]] = written.tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
