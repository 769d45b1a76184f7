"""Tiny Whisper checkpoints with random weights, in openai-whisper's format."""

import hashlib
from dataclasses import asdict
from pathlib import Path

import msgspec
import torch
from whisper.model import ModelDimensions, Whisper

ENGLISH_VOCABULARY = 51_864
MULTILINGUAL_VOCABULARY = 51_865


def random_whisper(
    *,
    seed: int = 1,
    vocabulary: int = ENGLISH_VOCABULARY,
    eot_gain: float = 1.0,
    mel_bands: int = 80,
) -> Whisper:
    """Return a network whose text depends on the audio; ``eot_gain`` lets it end early."""
    generator = torch.Generator().manual_seed(seed)
    model = Whisper(ModelDimensions(mel_bands, 1500, 32, 2, 2, vocabulary, 448, 32, 2, 2))
    spreads = {"decoder.token_embedding.weight": 0.7, "decoder.positional_embedding": 3.0}
    for name, parameter in model.named_parameters():
        if "ln" not in name:
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else 32
            spread = spreads.get(name, 4 * fan_in**-0.5)
            parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    end_of_text = vocabulary - 1608
    model.decoder.token_embedding.weight.data[end_of_text] *= eot_gain
    return model.eval()


def save_checkpoint(model: Whisper, path: Path) -> Path:
    torch.save({"dims": asdict(model.dims), "model_state_dict": model.state_dict()}, path)
    return path


def write_manifest(checkpoint: Path, **fields: object) -> Path:
    manifest = {
        "name": "random-1",
        "format": "openai-whisper",
        "file": checkpoint.name,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "sample_rate_hz": 16_000,
        "language": "en",
        **fields,
    }
    path = checkpoint.with_suffix(".json")
    path.write_bytes(msgspec.json.encode(manifest))
    return path
