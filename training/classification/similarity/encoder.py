"""A sentence encoder as a graph, to lie beside category embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from models.classification.similarity import EmbeddingsAbout
from models.classification.text_vectors import GRAPH_NAME, TOKENIZER_NAME
from training.classification.learning.trained import bare_tokenizer
from training.core.transformers_output import without_remarks
from training.text.encoder_base import EncoderRecipe, cut_encoder
from training.text.quantise import quantise
from training.text.tracing import SIMPLEST_ATTENTION, special_tokens, trace_text_network

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from transformers import PreTrainedModel

MAX_TOKENS = 128
_SEED = 0  # of nothing: no part of the encoder is drawn


class MeanPooled(nn.Module):
    """The mean of an encoder's last states over the tokens of a text.

    Args:
        encoder: In evaluation mode.
    """

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the vectors of texts, shape (texts, hidden)."""
        output = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        mask = attention_mask.unsqueeze(-1).to(output.last_hidden_state.dtype)
        pooled: torch.Tensor = (output.last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)
        return pooled


def export_encoder(model: str, folder: Path) -> EmbeddingsAbout:
    """Write an encoder as it is, in int8, with its tokenizer; return what embeddings say of it.

    Args:
        model: As `EncoderRecipe.model` has it.
        folder: To write to.

    Raises:
        MissingDataError: There is no such encoder.
        RecipeError: Its tokenizer is none of the fast ones.
    """
    with without_remarks():
        encoder, fast = cut_encoder(EncoderRecipe(model), tuple, _SEED)
    tokenizer = bare_tokenizer(fast)
    encoder.set_attn_implementation(SIMPLEST_ATTENTION)
    encoder.train(False)
    network = MeanPooled(encoder)
    width = int(encoder.config.hidden_size)
    graph = quantise(trace_text_network(network, (width,)), None)
    (folder / GRAPH_NAME).write_bytes(graph.SerializeToString(deterministic=True))
    (folder / TOKENIZER_NAME).write_text(tokenizer.to_str(), encoding="utf-8")
    positions = int(getattr(encoder.config, "max_position_embeddings", MAX_TOKENS))
    return EmbeddingsAbout(
        source="encoder",
        width=width,
        special_tokens=special_tokens(tokenizer, int(fast.pad_token_id or 0)),
        max_tokens=min(MAX_TOKENS, positions),
    )
