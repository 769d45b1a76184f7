"""Which file a model's name means, and what its manifest promises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.registry import WeightsManifest, bundled_manifest, load_manifest, verified_weights
from schemas.errors import ModelIntegrityError, ModelNotFoundError

BUNDLED = "bundled"
BUNDLED_NAME = "callstream-en"
FORMAT = "openai-whisper"


class SpeechManifest(WeightsManifest, frozen=True, kw_only=True):
    """What the manifest of Whisper weights says beyond the file.

    Attributes:
        encoder_context: ``cut`` for weights trained on audio of its true length, ``full`` for
            those that saw everything padded to 30 s.
        pad_ms: Silence after the audio, for ``cut`` weights.
        max_segment_ms: Longest audio that they decode well; 0 leaves it to the settings.
        alignment_heads: (layer, head) of the cross-attention heads that follow the audio; none
            means all heads of the upper half of the layers.
        language: The only language, or empty for multilingual weights.
        takes_prompt: Whether hot-words may be given as a prompt.
    """

    encoder_context: Literal["cut", "full"] = "full"
    pad_ms: int = 0
    max_segment_ms: int = 0
    alignment_heads: tuple[tuple[int, int], ...] = ()
    language: str = ""
    takes_prompt: bool = False


@dataclass(frozen=True, slots=True)
class SpeechWeights:
    """Weights to load.

    Attributes:
        source: Path of a checkpoint, or a name that openai-whisper downloads.
        manifest: Its own, or that of official weights.
    """

    source: str
    manifest: SpeechManifest


def find_weights(model: str) -> SpeechWeights:
    """Return the weights that a name or path means, verified where there is a manifest.

    Args:
        model: ``bundled``, a path to a ``.pt`` checkpoint (a manifest of the same stem beside it
            is honoured) or ``.json`` manifest, or else a name of openai-whisper.

    Raises:
        ModelNotFoundError: A path to nothing; or the bundled weights are missing.
        ModelIntegrityError: Not the file that the manifest describes.
    """
    if model == BUNDLED:
        return _described(bundled_manifest("asr", BUNDLED_NAME))
    path = Path(model).expanduser()
    if path.suffix not in {".pt", ".json"}:
        return SpeechWeights(model, _official_manifest(model))
    if not path.is_file():
        raise ModelNotFoundError(f"no speech weights at {path}: check the path, or use 'bundled'")
    if path.with_suffix(".json").is_file():
        return _described(path.with_suffix(".json"))
    return SpeechWeights(str(path), _official_manifest(path.stem))


def _described(manifest_path: Path) -> SpeechWeights:
    manifest = load_manifest(manifest_path, SpeechManifest)
    if manifest.format != FORMAT:
        raise ModelIntegrityError(f"{manifest_path}: format {manifest.format!r}, not {FORMAT!r}")
    return SpeechWeights(str(verified_weights(manifest_path, manifest)), manifest)


def _official_manifest(name: str) -> SpeechManifest:
    return SpeechManifest(
        name=f"whisper-{name}",
        format=FORMAT,
        file="",
        sha256="",
        sample_rate_hz=16_000,
        takes_prompt=True,
    )
