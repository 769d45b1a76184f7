"""openai-whisper's network, run layer by layer: encoder of any length, decoder with a KV cache.

Checkpoints and modules are openai-whisper's; its forward passes are not used, since they insist on
30 s of audio and keep their cache in hooks.
Source: openai-whisper ``model.py``; Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812
import whisper
from torch import Tensor

from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from models.asr.weights import SpeechWeights

_DAMAGED = (RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError)
WIDE = 384  # that of Whisper tiny


def configure_torch(threads: int, *, width: int) -> None:
    """Set the threads of one operation, and the library of fp32 products, for this process.

    "medium" is oneDNN: about twice as fast as MKL on AMD for wide encoders, as accurate for our
    shapes (2e-7), but 16 us slower a call, which is most of a narrow decoder's step.

    Args:
        threads: Of one operation.
        width: Of the weights' layers.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium" if width >= WIDE else "highest")


def load_network(weights: SpeechWeights, device: str) -> WhisperNetwork:
    """Return the network of a checkpoint in openai-whisper's format.

    Raises:
        ModelNotFoundError: No such name, or its download failed.
        ModelIntegrityError: Not such a checkpoint, or damaged.
    """
    is_name = not weights.manifest.file and not weights.source.endswith(".pt")
    try:
        model = whisper.load_model(weights.source, device=device)
    except OSError as error:
        raise ModelNotFoundError(
            f"the weights {weights.source!r} could not be read or downloaded ({error}); "
            "give the path of a checkpoint, or use 'bundled'"
        ) from error
    except _DAMAGED as error:
        if is_name:
            raise ModelNotFoundError(
                f"openai-whisper has no weights {weights.source!r}, or their download was "
                f"damaged: use one of {', '.join(whisper.available_models())}, a path to a .pt "
                "file, or 'bundled'"
            ) from error
        raise ModelIntegrityError(
            f"{weights.source} is no checkpoint of openai-whisper, or damaged ({error})"
        ) from error
    model.eval().requires_grad_(False)
    return WhisperNetwork(model)


@dataclass
class DecoderState:
    """What the decoder remembers of one utterance.

    Attributes:
        cross: Keys and values of the audio for each layer, shape (1, heads, frames, head width).
        past: Keys and values of the tokens so far for each layer; empty before the first.
        scores: Cross-attention scores before the softmax of the layers asked for, one tensor of
            shape (heads, tokens, frames) for each step.
    """

    cross: list[tuple[Tensor, Tensor]]
    past: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    scores: dict[int, list[Tensor]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Return how many tokens the decoder has read."""
        return self.past[0][0].shape[2] if self.past else 0


class WhisperNetwork:
    """A loaded checkpoint.

    Attributes:
        token_ids: What the output layer can write, ascending. Tokens that training never saw
            have no embedding but a negative bias (the last dimension, see `training.asr.export`)
            and are left out, which makes the layer several times cheaper.

    Args:
        model: openai-whisper's module, in eval mode.
    """

    def __init__(self, model: whisper.Whisper) -> None:
        self.model: Any = model  # openai-whisper is untyped
        self.dims = model.dims
        self.device: torch.device = model.device
        embedding: Tensor = model.decoder.token_embedding.weight
        is_unused = (embedding[:, :-1] == 0).all(dim=1) & (embedding[:, -1] < 0)
        self.token_ids = torch.nonzero(~is_unused).flatten()
        self._head = embedding[self.token_ids] if is_unused.any() else embedding

    def encode(self, mel: Tensor) -> Tensor:
        """Return the audio's features for a spectrogram of any even length up to 30 s.

        Args:
            mel: Shape (mel_bands, n_frames).

        Returns:
            Shape (1, n_frames / 2, width).
        """
        encoder = self.model.encoder
        x = F.gelu(encoder.conv1(mel[None]))
        x = F.gelu(encoder.conv2(x)).transpose(1, 2)
        x = x + encoder.positional_embedding[: x.shape[1]]
        for block in encoder.blocks:
            x = block(x)
        features: Tensor = encoder.ln_post(x)
        return features

    def begin(self, features: Tensor, scored_layers: tuple[int, ...] = ()) -> DecoderState:
        """Return the decoder's state before its first token.

        Args:
            features: What ``encode`` returned.
            scored_layers: Layers whose cross-attention scores are kept for alignment.
        """
        heads = self.dims.n_text_head
        cross = []
        for block in self.model.decoder.blocks:
            projected = (block.cross_attn.key(features), block.cross_attn.value(features))
            key, value = (_split(x, heads).contiguous() for x in projected)
            cross.append((key, value))
        return DecoderState(cross=cross, scores={layer: [] for layer in scored_layers})

    def decode(self, tokens: list[int], state: DecoderState) -> Tensor:
        """Return the decoder's output for the next tokens and put them into the state.

        Args:
            tokens: Several to begin with, then one at a time.
            state: Of this utterance; changed.

        Returns:
            Shape (n_tokens, width).
        """
        decoder = self.model.decoder
        start = state.length
        positions = decoder.positional_embedding[start : start + len(tokens)]
        x = decoder.token_embedding(torch.tensor([tokens], device=self.device)) + positions
        past, state.past = state.past, []
        for layer, block in enumerate(decoder.blocks):
            x = x + self._attend(block, x, past[layer] if past else None, state)
            x = x + self._listen(block, x, layer, state)
            x = x + block.mlp(block.mlp_ln(x))
        output: Tensor = decoder.ln(x)[0]
        return output

    def logits(self, output: Tensor) -> Tensor:
        """Return the logits of ``token_ids`` for decoder outputs, shape (.., tokens)."""
        return F.linear(output, self._head).float()

    def _attend(
        self, block: Any, x: Tensor, past: tuple[Tensor, Tensor] | None, state: DecoderState
    ) -> Tensor:
        normed, heads = block.attn_ln(x), self.dims.n_text_head
        query = _split(block.attn.query(normed), heads)
        key, value = (
            _split(project(normed), heads) for project in (block.attn.key, block.attn.value)
        )
        if past is not None:
            key, value = torch.cat((past[0], key), dim=2), torch.cat((past[1], value), dim=2)
        state.past.append((key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=past is None)
        attended: Tensor = block.attn.out(_joined(mixed))
        return attended

    def _listen(self, block: Any, x: Tensor, layer: int, state: DecoderState) -> Tensor:
        key, value = state.cross[layer]
        query = _split(block.cross_attn.query(block.cross_attn_ln(x)), self.dims.n_text_head)
        if layer in state.scores:
            state.scores[layer].append(((query * query.shape[-1] ** -0.5) @ key.mT)[0])
        heard: Tensor = block.cross_attn.out(
            _joined(F.scaled_dot_product_attention(query, key, value))
        )
        return heard


def _split(x: Tensor, heads: int) -> Tensor:
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)
