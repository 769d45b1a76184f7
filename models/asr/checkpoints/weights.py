"""Which weights a model's name means, and what their manifest promises."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from models.asr.checkpoints.content import Heads
from models.asr.checkpoints.names import FORMS, OFFICIAL_NAMES, file_in, unknown_name
from models.asr.core.confidence import IDENTITY, ConfidenceCurve
from models.asr.core.dimensions import WhisperDimensions
from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig
from models.fetching.cache import default_models_folder
from models.fetching.catalogue import CATALOGUE, PublishedModel
from models.fetching.fetch import ensure_model
from models.store.files import find_manifests
from models.store.manifest import (
    WeightsManifest,
    bundled_manifest,
    load_manifest,
    sha256_of,
    verified_weights,
)
from schemas.errors import ModelIntegrityError, ModelNotFoundError

BUNDLED = "bundled"
BUNDLED_NAME = "callstream-en"
FORMAT = "openai-whisper"
GRAPH_FORMAT = "callstream-onnx"
CHECKPOINT_SUFFIXES = {".pt", ".json"}
OFFICIAL_LICENCE = "MIT"
OFFICIAL_PAD_MS = 5_000  # measured as good as padding to 30 s, at a third of the time
WINDOW_MS = 30_000
Natural = Annotated[int, msgspec.Meta(ge=0)]
_PATH = re.compile(r"[~./]|[^/]*/[^/]*/")  # no repository on a hub is called so
HUGGING_FACE_FILE = "config.json"
FOLDER_FILES = ("*.json", "*.safetensors", "model.bin", "vocabulary.txt")  # of either form


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
        confidence: Calibrates the words' probabilities.
        speech: Calibrates the probability that somebody speaks, for the guards.
        policy: Default for partials.
    """

    encoder_context: Literal["cut", "full"] = "full"
    pad_ms: Natural = 0
    max_segment_ms: Natural = 0
    alignment_heads: Heads = ()
    language: str = ""
    takes_prompt: bool = False
    default_precision: Literal["fp32", "int8"] = "int8"
    word_shift_ms: int = 0
    confidence: ConfidenceCurve = IDENTITY
    speech: ConfidenceCurve = IDENTITY
    policy: PolicyConfig = DEFAULT_POLICY


@dataclass(frozen=True, slots=True)
class SpeechWeights:
    """Weights to load.

    Attributes:
        source: Path of a checkpoint or of a CTranslate2 or Hugging Face folder, or a name that
            openai-whisper or, with a slash, the model hub has.
        manifest: Its own, or that of official weights.
    """

    source: str
    manifest: SpeechManifest

    @property
    def is_graphs(self) -> bool:
        """Whether they come as graphs for ONNX Runtime, ``source`` being their manifest."""
        return self.manifest.format == GRAPH_FORMAT

    def graphs_beside(self, precision: str) -> Path:
        """Return where the manifest of graphs that come with the weights would lie."""
        if self.is_graphs:
            return Path(self.source)
        return Path(self.source).with_suffix(f".{precision}.json")

    def cache_key(self) -> str:
        """Return what tells these weights from all others, as part of a file name."""
        path = Path(self.source)
        if path.is_dir():
            files = sorted(file for kind in FOLDER_FILES for file in path.glob(kind))
            digests = "".join(f"{file.name} {sha256_of(file)}\n" for file in files)
            digest = hashlib.sha256(digests.encode()).hexdigest()
        elif path.is_file():
            digest = sha256_of(path)
        else:
            return self._file_name  # a name, whose files never change
        return f"{self._file_name}-{digest[:12]}"

    @property
    def _file_name(self) -> str:
        return self.manifest.name.replace("/", "--")

    def expected_heads(self, dims: WhisperDimensions) -> Heads | None:
        """Return the heads that an export of these weights has to have; None if any will do.

        A manifest can change beside its checkpoint. A folder has them in files that its
        ``cache_key`` covers.
        """
        if self.manifest.alignment_heads:
            return self.manifest.alignment_heads
        is_checkpoint = not self.is_graphs and Path(self.source).is_file()
        return dims.upper_heads() if is_checkpoint else None


def find_weights(model: str, models_folder: Path | None = None) -> SpeechWeights:
    """Return the weights that a name or path means, verified where there is a manifest.

    Names of the catalogue are fetched where they are not in the cache.

    Args:
        model: ``bundled``, a path to a ``.pt`` checkpoint (a manifest of the same stem beside it
            is honoured), a ``.json`` manifest, a folder with one of these, a CTranslate2 or
            Hugging Face folder, or else a name of the catalogue, of openai-whisper or, with a
            slash, of a repository of either form.
        models_folder: Cache of fetched models; None is ``~/.cache/callstream/models``.

    Raises:
        ModelNotFoundError: A path to nothing, or a name that cannot be fetched or is no Whisper;
            or the bundled weights are missing.
        ModelIntegrityError: Not the file that the manifest describes.
    """
    if model == BUNDLED:
        return _described(bundled_manifest("asr", BUNDLED_NAME))
    if model in CATALOGUE:
        return _published(CATALOGUE[model], models_folder or default_models_folder())
    path = Path(model).expanduser()
    if path.exists():
        return _on_disk(path)
    if path.suffix in CHECKPOINT_SUFFIXES or _PATH.match(model):
        raise ModelNotFoundError(f"no speech weights at {path}, for nothing is there: give {FORMS}")
    if "/" in model:
        return SpeechWeights(model, _plain_manifest(model))
    if model not in OFFICIAL_NAMES:
        raise unknown_name(model, (BUNDLED, *_speech_names()))
    return SpeechWeights(model, _official_manifest(model))


def _speech_names() -> tuple[str, ...]:
    """Return the names that mean weights of the catalogue or of openai-whisper."""
    published = (name for name, model in CATALOGUE.items() if model.kind == "speech")
    return tuple(dict.fromkeys((*published, *OFFICIAL_NAMES)))


def _on_disk(path: Path) -> SpeechWeights:
    """Return the weights that a file or folder means."""
    if (path / HUGGING_FACE_FILE).is_file():
        return SpeechWeights(str(path), _plain_manifest(path.resolve().name))
    if path.is_dir():
        path = file_in(path, lambda each: load_manifest(each, WeightsManifest).file)
    if path.suffix not in CHECKPOINT_SUFFIXES:
        raise ModelNotFoundError(f"{path} is no file of weights that is read here: give {FORMS}")
    if path.with_suffix(".json").is_file():
        return _described(path.with_suffix(".json"))
    return SpeechWeights(str(path), _plain_manifest(path.stem))


def _published(model: PublishedModel, folder: Path) -> SpeechWeights:
    if model.kind != "speech":
        raise ModelNotFoundError(f"{model.name} is a model of text ({model.origin}), no Whisper")
    return SpeechWeights(str(ensure_model(model, folder)), _official_manifest(model.name))


def _described(manifest_path: Path) -> SpeechWeights:
    manifest = load_manifest(manifest_path, SpeechManifest)
    is_graphs = manifest.format == GRAPH_FORMAT and manifest.file.endswith(".json")
    if manifest.format != FORMAT and not is_graphs:
        advice = _advice_for(manifest_path, manifest.format)
        reason = f"format {manifest.format!r}, not {FORMAT!r}"
        raise ModelIntegrityError(f"{manifest_path}: {reason}{advice}")
    return SpeechWeights(str(verified_weights(manifest_path, manifest)), manifest)


def _advice_for(path: Path, form: str) -> str:
    """Return which manifest beside this one means the whole, where this one is a part of it."""
    if form != GRAPH_FORMAT:
        return ""
    beside = (each for each in find_manifests(path.parent) if each != path)
    whole = (each for each in beside if load_manifest(each, WeightsManifest).file == path.name)
    return next((f": it is a part of {each}, give that" for each in whole), "")


def _official_manifest(name: str) -> SpeechManifest:
    """Return what is known of official weights: a short tail does as well as padding to 30 s."""
    return msgspec.structs.replace(
        _plain_manifest(name),
        encoder_context="cut",
        pad_ms=OFFICIAL_PAD_MS,
        max_segment_ms=WINDOW_MS - OFFICIAL_PAD_MS,
        licence=OFFICIAL_LICENCE,
    )


def _plain_manifest(name: str) -> SpeechManifest:
    """Return what holds for any Whisper of which nothing else is known."""
    return SpeechManifest(
        name=f"whisper-{name.replace('/', '--')}",
        format=FORMAT,
        file="",
        sha256="",
        sample_rate_hz=16_000,
        takes_prompt=True,
    )
