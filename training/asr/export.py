"""A checkpoint becomes Whisper weights and exported graphs, with what the live path has to know."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import torch

from models.asr.checkpoint import read_checkpoint
from models.asr.onnx_store import export_graphs
from models.asr.weights import find_weights
from training.asr.lesson import Lesson
from training.asr.recipe import Recipe
from training.asr.vocabulary import VOCABULARY_SIZE
from training.json_files import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from models.asr.onnx_graph import Precision
    from training.asr.network import NetworkSize

UNUSED_TOKEN_BIAS = -30.0
PAD_MS = 400
EXPORTED_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
MAX_SEGMENT_MS = 4_000  # measured best for weights of this size; longer ones end in loops
WEIGHTS_LICENCE = "MIT"
_HELPER_HEADS = ("ctc_head.", "phone_heads.")
_TOKEN_EMBEDDING = "decoder.token_embedding.weight"  # noqa: S105


class WeightsCard(msgspec.Struct, frozen=True):
    """What the live path has to know about a weights file."""

    name: str
    format: str
    file: str
    sha256: str
    encoder_context: str
    pad_ms: int
    max_segment_ms: int
    alignment_heads: tuple[tuple[int, int], ...]
    language: str
    sample_rate_hz: int
    licence: str
    recipe: str
    step: int
    figures: dict[str, Any]


def whisper_dimensions(size: NetworkSize) -> dict[str, int]:
    """Return the ``dims`` of an openai-whisper checkpoint."""
    return {
        "n_mels": size.mel_bands,
        "n_audio_ctx": size.audio_context,
        "n_audio_state": size.width,
        "n_audio_head": size.heads,
        "n_audio_layer": size.encoder_layers,
        "n_vocab": VOCABULARY_SIZE,
        "n_text_ctx": size.text_context,
        "n_text_state": size.width,
        "n_text_head": size.heads,
        "n_text_layer": size.decoder_layers,
    }


def whisper_state(network_state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the fp16 parameters under openai-whisper's names, without the helper heads."""
    return {
        name: tensor.half()
        for name, tensor in network_state.items()
        if not name.startswith(_HELPER_HEADS)
    }


def with_whole_vocabulary(
    state: Mapping[str, Tensor], token_ids: Sequence[int]
) -> dict[str, Tensor]:
    """Return parameters over the whole vocabulary, as openai-whisper wants them.

    The final LayerNorm gives the constant 1 in its last dimension, so a token's embedding there is
    its bias; unused tokens get ``UNUSED_TOKEN_BIAS`` and 0 elsewhere and are never decoded.
    """
    used = state[_TOKEN_EMBEDDING]
    whole = torch.zeros(VOCABULARY_SIZE, used.shape[1], dtype=used.dtype)
    whole[:, -1] = UNUSED_TOKEN_BIAS
    whole[torch.tensor(token_ids)] = used
    return {**state, _TOKEN_EMBEDDING: whole}


def whole_vocabulary(weights: Path) -> dict[str, Any]:
    """Return exported weights as a checkpoint that openai-whisper itself loads."""
    content = torch.load(weights, map_location="cpu", weights_only=True)
    state = with_whole_vocabulary(content["model_state_dict"], content["token_ids"])
    return {"dims": content["dims"], "model_state_dict": state}


def export_checkpoint(
    checkpoint: Path, folder: Path, *, figures: Mapping[str, Any] | None = None
) -> WeightsCard:
    """Write the weights, their card and their graphs for ONNX Runtime; return the card.

    ``<name>.pt`` is a checkpoint of openai-whisper whose vocabulary is cut to ``token_ids``,
    ``<name>.<precision>.*`` are the graphs. Every file is replaced in one go.
    """
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    recipe = msgspec.json.decode(saved["recipe"], type=Recipe)
    lesson = msgspec.json.decode(saved["lesson"], type=Lesson)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{recipe.name}.pt"
    partial = weights.with_suffix(".pt.partial")
    torch.save(
        {
            "dims": whisper_dimensions(recipe.network),
            "model_state_dict": whisper_state(saved["network"]),
            "token_ids": list(lesson.vocabulary.token_ids),
        },
        partial,
    )
    card = WeightsCard(
        name=recipe.name,
        format="openai-whisper",
        file=weights.name,
        sha256=hashlib.sha256(partial.read_bytes()).hexdigest(),
        encoder_context="cut",
        pad_ms=PAD_MS,
        max_segment_ms=MAX_SEGMENT_MS,
        alignment_heads=tuple(
            (recipe.network.decoder_layers - 1, head)
            for head in range(recipe.losses.guided_heads[-1])
        ),
        language="en",
        sample_rate_hz=16_000,
        licence=WEIGHTS_LICENCE,
        recipe="training/asr/recipes/bundled.toml",
        step=saved["step"],
        figures=dict(figures or {}),
    )
    os.replace(partial, weights)  # noqa: PTH105
    write_json(folder / f"{card.name}.json", card)
    known = read_checkpoint(find_weights(str(weights)))
    for precision in EXPORTED_PRECISIONS:
        export_graphs(known, card.name, precision, folder / f"{card.name}.{precision}.json")
    return card


def change_card(folder: Path, name: str, fields: Mapping[str, object]) -> None:
    """Set fields of the card of weights already exported; None takes one out."""
    path = folder / f"{name}.json"
    card = {**orjson.loads(path.read_bytes()), **fields}
    write_json(path, {key: value for key, value in card.items() if value is not None})
