"""Which weights a model's name means, and what their manifest promises."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.asr.confidence import IDENTITY, ConfidenceCurve
from models.asr.policies import DEFAULT_POLICY, PolicyConfig
from models.registry import WeightsManifest, bundled_manifest, load_manifest, verified_weights
from schemas.errors import ModelIntegrityError, ModelNotFoundError

BUNDLED = "bundled"
BUNDLED_NAME = "callstream-en"
FORMAT = "openai-whisper"
CHECKPOINT_SUFFIXES = {".pt", ".json"}
HUGGING_FACE_FILE = "config.json"


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
        default_precision: The precision on ONNX Runtime that measured best.
        word_shift_ms: Added to every word time: what the heads are off by.
        confidence: Makes the words' probabilities mean what they say.
        policy: Default for partials.
    """

    encoder_context: Literal["cut", "full"] = "full"
    pad_ms: int = 0
    max_segment_ms: int = 0
    alignment_heads: tuple[tuple[int, int], ...] = ()
    language: str = ""
    takes_prompt: bool = False
    default_precision: Literal["fp32", "int8"] = "int8"
    word_shift_ms: int = 0
    confidence: ConfidenceCurve = IDENTITY
    policy: PolicyConfig = DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class SpeechWeights:
    """Weights to load.

    Attributes:
        source: Path of a checkpoint or Hugging Face folder, or a name that openai-whisper
            downloads.
        manifest: Its own, or that of official weights.
    """

    source: str
    manifest: SpeechManifest

    def graphs_beside(self, precision: str) -> Path:
        """Return where the manifest of graphs that come with the weights would lie."""
        return Path(self.source).with_suffix(f".{precision}.json")

    def cache_key(self) -> str:
        """Return what tells these weights from all others, as part of a file name."""
        path = Path(self.source)
        if path.is_dir():
            path = next(iter(sorted(path.glob("*.safetensors"))), path / HUGGING_FACE_FILE)
        if not path.is_file():
            return self.manifest.name  # a name of openai-whisper, whose files never change
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{self.manifest.name}-{digest[:12]}"


def find_weights(model: str) -> SpeechWeights:
    """Return the weights that a name or path means, verified where there is a manifest.

    Args:
        model: ``bundled``, a path to a ``.pt`` checkpoint (a manifest of the same stem beside it
            is honoured), a ``.json`` manifest or a Hugging Face folder, or else a name of
            openai-whisper or, with a slash, of a Hugging Face repository.

    Raises:
        ModelNotFoundError: A path to nothing; or the bundled weights are missing.
        ModelIntegrityError: Not the file that the manifest describes.
    """
    if model == BUNDLED:
        return _described(bundled_manifest("asr", BUNDLED_NAME))
    path = Path(model).expanduser()
    if (path / HUGGING_FACE_FILE).is_file():
        return SpeechWeights(str(path), _official_manifest(path.resolve().name))
    if path.suffix not in CHECKPOINT_SUFFIXES and not path.is_dir():
        return SpeechWeights(model, _official_manifest(model))
    if not path.is_file():
        raise ModelNotFoundError(
            f"no speech weights at {path}: give a .pt file, a Hugging Face folder with a "
            f"{HUGGING_FACE_FILE}, or 'bundled'"
        )
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
        name=f"whisper-{name.replace('/', '--')}",
        format=FORMAT,
        file="",
        sha256="",
        sample_rate_hz=16_000,
        takes_prompt=True,
    )
