"""Whisper checkpoints of the official sizes with random weights: for speed alone.

They are made once and kept in a folder. The weights are small random numbers, so that nothing
overflows; what such a network writes is without meaning, hence the forced number of tokens.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from models.extras.torch import torch, whisper
from schemas.errors import ConfigurationError

SIZES = {  # width, heads, layers; Radford et al. 2022, arXiv:2212.04356, table 1
    "tiny": (384, 6, 4),
    "base": (512, 8, 6),
    "small": (768, 12, 12),
    "large-v3-turbo": (1280, 20, 32),
}
TURBO_DECODER_LAYERS = 4
MEL_BANDS, TURBO_MEL_BANDS = 80, 128
ENGLISH_VOCABULARY, TURBO_VOCABULARY = 51_864, 51_866
AUDIO_CONTEXT, TEXT_CONTEXT = 1_500, 448
SEED = 1
_EMBEDDING_SPREAD = 0.02


def random_checkpoint(size: str, folder: Path, *, pad_ms: int = 0) -> Path:
    """Return a checkpoint in openai-whisper's format with a manifest beside it.

    Args:
        size: One of `SIZES`.
        folder: Where it is kept for the next time.
        pad_ms: Silence after the audio that the manifest asks for.

    Raises:
        ConfigurationError: No such size.
    """
    if size not in SIZES:
        raise ConfigurationError(f"no size '{size}': choose from {', '.join(SIZES)}")
    path = folder / f"random-{size}-pad{pad_ms}.pt"
    if not (path.is_file() and path.with_suffix(".json").is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        _write_checkpoint(size, path)
        _write_manifest(size, path, pad_ms)
    return path


def _write_checkpoint(size: str, path: Path) -> None:
    width, heads, layers = SIZES[size]
    is_turbo = size == "large-v3-turbo"
    model = whisper.model.Whisper(
        whisper.model.ModelDimensions(
            n_mels=TURBO_MEL_BANDS if is_turbo else MEL_BANDS,
            n_audio_ctx=AUDIO_CONTEXT,
            n_audio_state=width,
            n_audio_head=heads,
            n_audio_layer=layers,
            n_vocab=TURBO_VOCABULARY if is_turbo else ENGLISH_VOCABULARY,
            n_text_ctx=TEXT_CONTEXT,
            n_text_state=width,
            n_text_head=heads,
            n_text_layer=TURBO_DECODER_LAYERS if is_turbo else layers,
        )
    )
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in model.named_parameters():
        if "ln" not in name:
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else width
            spread = _EMBEDDING_SPREAD if "embedding" in name else fan_in**-0.5
            parameter.data = torch.randn(parameter.shape, generator=generator) * spread
    torch.save({"dims": asdict(model.dims), "model_state_dict": model.half().state_dict()}, path)


def _write_manifest(size: str, path: Path, pad_ms: int) -> None:
    manifest = {
        "name": f"random-{size}",
        "format": "openai-whisper",
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "sample_rate_hz": 16_000,
        "language": "en",
        "encoder_context": "cut",
        "pad_ms": pad_ms,
        "alignment_heads": official_heads(size),
    }
    path.with_suffix(".json").write_bytes(msgspec.json.encode(manifest))


def official_heads(size: str) -> list[tuple[int, int]]:
    """Return the heads that openai-whisper takes word times from in weights of this size."""
    name = size if size == "large-v3-turbo" else f"{size}.en"
    _, heads, layers = SIZES[size]
    layers = TURBO_DECODER_LAYERS if size == "large-v3-turbo" else layers
    fake: Any = torch.nn.Module()
    fake.dims = whisper.model.ModelDimensions(
        MEL_BANDS, AUDIO_CONTEXT, 8, heads, 1, 1, TEXT_CONTEXT, 8, heads, layers
    )
    whisper.Whisper.set_alignment_heads(fake, whisper._ALIGNMENT_HEADS[name])  # noqa: SLF001
    found: Any = fake.alignment_heads
    return [(int(layer), int(head)) for layer, head in found.indices().T.tolist()]
