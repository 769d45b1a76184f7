"""A checkpoint becomes openai-whisper weights, with the metadata that the live path reads."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import torch

from training.asr.lesson import Lesson
from training.asr.recipe import Recipe
from training.asr.vocabulary import VOCABULARY_SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from training.asr.network import NetworkSize
    from training.asr.vocabulary import SubVocabulary

UNUSED_TOKEN_BIAS = -30.0
PAD_MS = 400
MAX_SEGMENT_MS = 5_500  # longer ones end in loops with weights of this size
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


def whisper_state(
    network_state: Mapping[str, Tensor], vocabulary: SubVocabulary
) -> dict[str, Tensor]:
    """Return the fp16 parameters under openai-whisper's names, over the whole vocabulary.

    The final LayerNorm gives the constant 1 in its last dimension, so a token's embedding there is
    its bias; unused tokens get ``UNUSED_TOKEN_BIAS`` and 0 elsewhere and are never decoded.
    """
    state = {
        name: tensor.half()
        for name, tensor in network_state.items()
        if not name.startswith(_HELPER_HEADS)
    }
    used = state[_TOKEN_EMBEDDING]
    whole = torch.zeros(VOCABULARY_SIZE, used.shape[1], dtype=torch.float16)
    whole[:, -1] = UNUSED_TOKEN_BIAS
    whole[torch.tensor(vocabulary.token_ids)] = used
    state[_TOKEN_EMBEDDING] = whole
    return state


def export_checkpoint(
    checkpoint: Path, folder: Path, *, figures: Mapping[str, Any] | None = None
) -> WeightsCard:
    """Write ``<name>.pt`` and ``<name>.json``, each replaced in one go; return the card."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    recipe = msgspec.json.decode(saved["recipe"], type=Recipe)
    lesson = msgspec.json.decode(saved["lesson"], type=Lesson)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{recipe.name}.pt"
    partial = weights.with_suffix(".pt.partial")
    torch.save(
        {
            "dims": whisper_dimensions(recipe.network),
            "model_state_dict": whisper_state(saved["network"], lesson.vocabulary),
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
    _write_card(card, folder)
    os.replace(partial, weights)  # noqa: PTH105
    return card


def add_figures(folder: Path, name: str, figures: Mapping[str, Any]) -> None:
    """Put the measured figures into the card of weights already exported."""
    path = folder / f"{name}.json"
    card = msgspec.json.decode(path.read_bytes(), type=WeightsCard)
    _write_card(msgspec.structs.replace(card, figures=dict(figures)), folder)


def _write_card(card: WeightsCard, folder: Path) -> None:
    path = folder / f"{card.name}.json"
    partial = path.with_suffix(".json.partial")
    partial.write_bytes(orjson.dumps(msgspec.to_builtins(card), option=orjson.OPT_INDENT_2) + b"\n")
    partial.replace(path)
