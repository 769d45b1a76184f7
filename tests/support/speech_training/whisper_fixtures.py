"""Tiny random Whispers, and clips of tones with a manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch

from models.asr.checkpoints.hugging_face import hugging_face_state, openai_state
from tests.support.speech_training.tone_speech import tone_recording
from training.asr.finetuning.network import build_network
from training.asr.finetuning.recipe import FineTuneRecipe
from training.core.recipes import convert_recipe

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor

TEXTS = ("Hello there", "Thank you for calling!", "Yes", "My order number is 427.")
POSITIONS = 75  # 1.5 s


def tiny_dims(vocabulary: int = 51_864) -> dict[str, int]:
    """Return the sizes of a network that trains in seconds."""
    return {
        "n_mels": 80, "n_audio_ctx": POSITIONS, "n_audio_state": 32, "n_audio_head": 2,
        "n_audio_layer": 2, "n_vocab": vocabulary, "n_text_ctx": 64, "n_text_state": 32,
        "n_text_head": 2, "n_text_layer": 2,
    }  # fmt: skip


def random_tensors(dims: dict[str, int], seed: int = 7) -> dict[str, Tensor]:
    """Return random parameters under openai-whisper's names."""
    from whisper.model import ModelDimensions, Whisper  # noqa: PLC0415

    torch.manual_seed(seed)
    state = Whisper(ModelDimensions(**dims)).state_dict()
    drawn = {
        name: torch.randn_like(tensor) * (tensor.shape[-1] ** -0.5 if tensor.ndim > 1 else 0.02)
        for name, tensor in state.items()
        if name != "encoder.positional_embedding"
    }
    for name in drawn:
        if name.endswith(("ln.weight", "ln_post.weight")):
            drawn[name] += 1.0
    drawn["decoder.positional_embedding"] *= 0.1
    return {**state, **drawn}


def write_openai(path: Path, vocabulary: int = 51_864) -> Path:
    """Write a tiny checkpoint of openai-whisper."""
    dims = tiny_dims(vocabulary)
    torch.save({"dims": dims, "model_state_dict": random_tensors(dims)}, path)
    return path


def write_folder(folder: Path, vocabulary: int = 51_865) -> Path:
    """Write a tiny folder of Hugging Face, weights and configuration alone."""
    dims = tiny_dims(vocabulary)
    tensors, config = hugging_face_state(random_tensors(dims), dims)
    build_network(tensors, config).save_pretrained(folder)
    return folder


def tensors_of(folder: Path) -> dict[str, Tensor]:
    """Return a folder's parameters under openai-whisper's names."""
    from transformers import WhisperForConditionalGeneration  # noqa: PLC0415

    network: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    tensors: dict[str, Tensor] = openai_state(network.state_dict(), network.config.to_dict())[0]
    return tensors


def write_clips(folder: Path) -> Path:
    """Write a manifest of four clips, each with tones of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number, text in enumerate(TEXTS):
        samples = tone_recording("a " * (number + 1), source="espeak").samples
        clock = np.arange(len(samples)) / 8_000
        mixed = samples + 0.3 * np.sin(2 * np.pi * (500 + 400 * number) * clock)
        soundfile.write(folder / f"{number}.wav", mixed * 0.7, 8_000)
        lines.append(json.dumps({"audio": f"{number}.wav", "text": text}))
    (folder / "train.jsonl").write_text("\n".join(lines), "utf-8")
    return folder / "train.jsonl"


def tiny_tuning(base: Path, **changes: Any) -> FineTuneRecipe:
    """Return a recipe that overfits the four clips; ``changes`` replace whole tables."""
    content: dict[str, Any] = {
        "name": "tuned",
        "seed": 5,
        "base": {"model": str(base)},
        "data": {"train": ["train.jsonl"]},
        "optimisation": {
            "steps": 6, "decay_from": 4, "warmup_steps": 2, "learning_rate": 2e-3,
            "batch_clips": 2,
        },
        "output": {"precision": "fp32"},
        "report_steps": 1,
        "checkpoint_steps": 3,
        "device": "cpu",
    }  # fmt: skip
    return convert_recipe(content | changes, FineTuneRecipe, base)
