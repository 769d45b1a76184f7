"""Hugging Face's Whisper, run on windows of any length, and what it writes.

Its own forward pass insists on 30 s of audio; its layers do not.
Source: ``modeling_whisper.py`` of transformers; Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812

from schemas.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor
    from transformers import WhisperForConditionalGeneration


def build_network(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> WhisperForConditionalGeneration:
    """Return the network of Hugging Face's names and configuration, in fp32, in eval mode.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import WhisperConfig, WhisperForConditionalGeneration  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(
            "fine-tuning needs transformers: pip install 'callstream[train]'"
        ) from error
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
        network: Adapters in its layers take part.
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
    output = network.model.decoder(
        input_ids=tokens, encoder_hidden_states=features, use_cache=False
    )
    logits: Tensor = network.proj_out(output.last_hidden_state)
    return logits


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
        banned: Added to the logits, shape (vocabulary,): minus infinity for what is never written.
        end: Token that ends a transcript.
    """
    batch = len(features)
    tokens = torch.tensor([opening], device=features.device).expand(batch, -1)
    written = torch.empty(batch, 0, dtype=torch.long, device=features.device)
    is_over = torch.zeros(batch, dtype=torch.bool, device=features.device)
    cache = None
    for _ in range(network.config.max_target_positions // 2):  # as openai-whisper
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
