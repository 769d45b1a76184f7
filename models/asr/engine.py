"""What the live path needs of a speech engine, and the one entry that loads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from models.asr.exports import default_cache
from models.asr.hypothesis import Hypothesis
from models.asr.weights import SpeechWeights, find_weights
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from models.asr.network import SpeechNetwork
    from models.asr.whisper_engine import WhisperEngine


Backend = Literal["auto", "onnx", "torch", "ctranslate2", "mlx"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
PRECISIONS = {
    "onnx": ("fp32", "int8"),
    "torch": ("fp32", "bf16", "fp16"),
    "ctranslate2": ("fp32", "int8"),
    "mlx": ("fp32", "bf16", "fp16"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """What a decode depends on besides audio and weights.

    Attributes:
        language: Tag such as ``en``, ``en-US`` or ``eng``. Multilingual weights detect what they
            do not know, and None; weights of one language decode as that one whatever is asked.
        hot_words: Names and terms to favour; ignored by weights that take no prompt.
        word_times: Place the words in time; without it they are spread evenly.
        forced_tokens: Write exactly so many tokens, for measurements; 0 leaves it to the weights.
    """

    language: str | None = "en"
    hot_words: tuple[str, ...] = ()
    word_times: bool = True
    forced_tokens: int = 0


DEFAULT_OPTIONS = DecodeOptions()


@dataclass(frozen=True, slots=True, eq=False)
class SpeechRequest:
    """One stretch of audio to decode.

    Attributes:
        samples: Mono at 16 kHz, shape (n_samples,).
        options: Language, hot-words, word times.
        draft: Tokens of an earlier hypothesis of the same utterance, verified in one pass; an
            exact request ignores them.
        is_exact: The hypothesis repeats bit for bit, whatever is decoded beside it.
    """

    samples: FloatArray
    options: DecodeOptions = DEFAULT_OPTIONS
    draft: tuple[int, ...] = ()
    is_exact: bool = True


class SpeechEngine(Protocol):
    """Audio in, hypothesis out; a pure function of audio, weights and options."""

    @property
    def name(self) -> str:
        """Return name and version of the weights, as messages carry it."""
        ...

    @property
    def max_samples(self) -> int:
        """Return the longest audio that one decode takes."""
        ...

    @property
    def max_segment_ms(self) -> int:
        """Return the longest audio that the weights decode well; 0 if they do not say."""
        ...

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        """Return the best hypothesis for the audio."""
        ...

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        """Return one hypothesis for each request; exact ones are influenced by no other."""
        ...


def load_engine(  # noqa: PLR0913  keyword-only settings
    model: str = "bundled",
    *,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: str = "cpu",
    threads: int = 1,
    cache: Path | None = None,
) -> "WhisperEngine":
    """Return a speech engine, ready to decode.

    Args:
        model: ``bundled``; a name of openai-whisper such as ``base.en``, which that downloads; or
            the path of a checkpoint in its format (``.pt``), of a manifest (``.json``) or of a
            Hugging Face folder.
        backend: ``onnx``, ``torch`` (the reference), ``ctranslate2``, ``mlx``, or ``auto``: ONNX
            Runtime on a CPU, torch elsewhere. torch's thread count is set for the whole process.
        precision: ``fp32`` or ``int8`` on ONNX Runtime and CTranslate2, ``fp32``, ``bf16`` or
            ``fp16`` on torch and MLX; ``auto`` is what measured best for the weights.
        device: ``cpu``, a torch device, ``cuda`` on CTranslate2 or ``gpu`` on MLX.
        threads: Threads of one decode; one a process scales best. MLX chooses its own.
        cache: Folder for exported weights; None is ``~/.cache/callstream/asr``.

    Raises:
        MissingExtraError: What the back-end or the export needs is not installed.
        ModelNotFoundError: No such weights, or they could not be downloaded.
        ModelIntegrityError: Damaged weights.
        ConfigurationError: A precision or device that the back-end does not have.
    """
    if backend == "auto":
        backend = "onnx" if device == "cpu" else "torch"
    if precision not in ("auto", *PRECISIONS[backend]):
        raise ConfigurationError(
            f"{backend} has no precision {precision!r}: use {' or '.join(PRECISIONS[backend])}"
        )
    from models.asr.whisper_engine import WhisperEngine  # noqa: PLC0415  imports this module

    weights = find_weights(model)
    if precision == "auto":
        precision = _best_precision(weights, backend, device)
    settings = _Settings(precision, device, threads, cache or default_cache())
    if backend == "ctranslate2":
        return _ctranslate2_engine(weights, settings)
    load = {"onnx": _onnx_network, "mlx": _mlx_network, "torch": _torch_network}[backend]
    return WhisperEngine(load(weights, settings), weights.manifest)


@dataclass(frozen=True, slots=True)
class _Settings:
    precision: Precision
    device: str
    threads: int
    cache: Path


def _best_precision(weights: SpeechWeights, backend: Backend, device: str) -> Precision:
    if backend in ("onnx", "ctranslate2"):
        return weights.manifest.default_precision
    return "fp32" if device == "cpu" else "fp16"


def _onnx_network(weights: SpeechWeights, settings: _Settings) -> "SpeechNetwork":
    from models.asr.onnx_store import find_graphs, load_graphs  # noqa: PLC0415

    path = find_graphs(weights, settings.precision, settings.cache)  # type: ignore[arg-type]
    return load_graphs(path, device=settings.device, threads=settings.threads)


def _torch_network(weights: SpeechWeights, settings: _Settings) -> "SpeechNetwork":
    _require("the torch back-end", "torch", "whisper")
    from models.asr.checkpoint import read_checkpoint  # noqa: PLC0415  torch takes a second
    from models.asr.torch_network import TorchNetwork, configure_torch  # noqa: PLC0415

    checkpoint = read_checkpoint(weights)
    configure_torch(settings.threads, width=checkpoint.dims.n_audio_state)
    return TorchNetwork(checkpoint, device=settings.device, precision=settings.precision)


def _mlx_network(weights: SpeechWeights, settings: _Settings) -> "SpeechNetwork":
    _require("the MLX back-end", "mlx", "torch", "whisper", extras="mlx,torch")
    from models.asr.checkpoint import read_checkpoint  # noqa: PLC0415  torch takes a second
    from models.asr.mlx_network import MlxNetwork  # noqa: PLC0415  optional

    return MlxNetwork(
        read_checkpoint(weights), device=settings.device, precision=settings.precision
    )


def _ctranslate2_engine(weights: SpeechWeights, settings: _Settings) -> "WhisperEngine":
    _require("the CTranslate2 back-end", "ctranslate2", extras="ctranslate2")
    from models.asr.ctranslate2_engine import load_ctranslate2  # noqa: PLC0415  optional
    from models.asr.ctranslate2_store import find_converted  # noqa: PLC0415  with it

    return load_ctranslate2(
        find_converted(weights, settings.cache),
        weights.manifest,
        precision=settings.precision,
        device=settings.device,
        threads=settings.threads,
    )


def _require(purpose: str, *modules: str, extras: str = "torch") -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs {' and '.join(missing)}: pip install 'callstream[{extras}]'"
        )
