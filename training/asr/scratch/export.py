"""The export of a checkpoint: Whisper weights, their graphs, and a card for the live path."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from models.asr.checkpoints.checkpoint import read_checkpoint
from models.asr.checkpoints.weights import find_weights
from models.asr.exporting.onnx_export import export_graphs
from training.asr.scratch.checkpoint import inventory_of, recipe_of
from training.asr.whisper.cards import WeightsCard
from training.asr.whisper.tokenizers import ENGLISH_VOCABULARY
from training.asr.whisper.vocabulary import TOKEN_EMBEDDING, whole_embedding
from training.core.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from models.onnx_graph import Precision
    from training.asr.scratch.network import NetworkSize
    from training.asr.scratch.recipe import Recipe

PAD_MS = 400
EXPORTED_PRECISION: Precision = "int8"  # others are exported on demand
MAX_SEGMENT_MS = 4_000  # best for weights of this size: longer segments end in loops
WEIGHTS_LICENCE = "MIT"
_AUXILIARY_HEADS = ("ctc_head.", "phone_heads.")


def whisper_dimensions(size: NetworkSize) -> dict[str, int]:
    """Return the ``dims`` of an openai-whisper checkpoint."""
    return {
        "n_mels": size.mel_bands,
        "n_audio_ctx": size.audio_context,
        "n_audio_state": size.width,
        "n_audio_head": size.heads,
        "n_audio_layer": size.encoder_layers,
        "n_vocab": ENGLISH_VOCABULARY,
        "n_text_ctx": size.text_context,
        "n_text_state": size.width,
        "n_text_head": size.heads,
        "n_text_layer": size.decoder_layers,
    }


def whisper_state(network_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the fp16 parameters under openai-whisper's names, without the auxiliary heads."""
    return {
        name: tensor.half()
        for name, tensor in network_state.items()
        if not name.startswith(_AUXILIARY_HEADS)
    }


def with_whole_vocabulary(
    state: Mapping[str, Tensor], token_ids: Sequence[int]
) -> dict[str, Tensor]:
    """Return parameters over the whole vocabulary, as openai-whisper wants them."""
    whole = whole_embedding(state[TOKEN_EMBEDDING], token_ids, size=ENGLISH_VOCABULARY)
    return {**state, TOKEN_EMBEDDING: whole}


def whole_vocabulary(weights: Path) -> dict[str, Any]:
    """Return exported weights as a checkpoint that openai-whisper itself loads."""
    content = torch.load(weights, map_location="cpu", weights_only=True)
    state = with_whole_vocabulary(content["model_state_dict"], content["token_ids"])
    return {"dims": content["dims"], "model_state_dict": state}


def export_checkpoint(
    checkpoint: Path, folder: Path, *, figures: Mapping[str, Any] | None = None
) -> WeightsCard:
    """Write the weights, their card and their int8 graphs for ONNX Runtime; return the card.

    ``<name>.pt`` is a checkpoint of openai-whisper whose vocabulary is cut to ``token_ids``,
    ``<name>.int8.*`` are the graphs. Every file is replaced in one go.
    """
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    recipe, inventory = recipe_of(saved), inventory_of(saved)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{recipe.name}.pt"
    partial = weights.with_suffix(".pt.partial")
    torch.save(
        {
            "dims": whisper_dimensions(recipe.network),
            "model_state_dict": whisper_state(saved["network"]),
            "token_ids": list(inventory.vocabulary.token_ids),
        },
        partial,
    )
    card = _card(recipe, weights.name, hashlib.sha256(partial.read_bytes()).hexdigest())
    card = msgspec.structs.replace(card, step=saved["step"], figures=dict(figures or {}))
    partial.replace(weights)
    write_json(folder / f"{card.name}.json", card)
    known = read_checkpoint(find_weights(str(weights)))
    graphs = folder / f"{card.name}.{EXPORTED_PRECISION}.json"
    export_graphs(known, card.name, EXPORTED_PRECISION, graphs)
    return card


def _card(recipe: Recipe, file_name: str, sha256: str) -> WeightsCard:
    last_layer = recipe.network.decoder_layers - 1
    return WeightsCard(
        name=recipe.name,
        format="openai-whisper",
        file=file_name,
        sha256=sha256,
        encoder_context="cut",
        pad_ms=PAD_MS,
        max_segment_ms=MAX_SEGMENT_MS,
        alignment_heads=tuple((last_layer, head) for head in range(recipe.losses.guided_heads[-1])),
        language="en",
        sample_rate_hz=16_000,
        licence=WEIGHTS_LICENCE,
        recipe=recipe.name,
        step=0,
        figures={},
    )
