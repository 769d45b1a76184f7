"""The one entry that loads a speech engine."""

from importlib import import_module
from pathlib import Path
from typing import Literal

from models.asr.backends.settings import BackendSettings
from models.asr.checkpoints.exports import default_cache
from models.asr.checkpoints.weights import SpeechWeights, find_weights
from models.asr.decoding.whisper_engine import WhisperEngine
from schemas.errors import ConfigurationError

Backend = Literal["auto", "onnx", "torch", "ctranslate2", "mlx"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
PRECISIONS = {
    "onnx": ("fp32", "int8"),
    "torch": ("fp32", "bf16", "fp16"),
    "ctranslate2": ("fp32", "int8"),
    "mlx": ("fp32", "bf16", "fp16"),
}
_MODULES = {  # imported when chosen: each imports its extra
    "onnx": "models.asr.backends.onnx_network",
    "torch": "models.asr.backends.torch_network",
    "ctranslate2": "models.asr.backends.ctranslate2_engine",
    "mlx": "models.asr.backends.mlx_network",
}


def load_engine(  # noqa: PLR0913  keyword-only settings
    model: str | SpeechWeights = "bundled",
    *,
    backend: Backend = "auto",
    precision: Precision = "auto",
    device: str = "cpu",
    threads: int = 1,
    cache: Path | None = None,
    models_folder: Path | None = None,
) -> WhisperEngine:
    """Return a speech engine, ready to decode.

    Args:
        model: ``bundled``; a name such as ``base`` or ``base.en``, which is fetched; or
            the path of a checkpoint in its format (``.pt``), of a manifest (``.json``), of a
            folder with one of these or of a Hugging Face folder; or weights that `find_weights`
            found.
        backend: ``onnx``, ``torch`` (the reference), ``ctranslate2``, ``mlx``, or ``auto``: ONNX
            Runtime on a CPU, torch elsewhere. torch's thread count is set for the whole process.
        precision: ``fp32`` or ``int8`` on ONNX Runtime and CTranslate2, ``fp32``, ``bf16`` or
            ``fp16`` on torch and MLX; ``auto`` is what measured best for the weights.
        device: ``cpu``, a torch device, ``cuda`` on CTranslate2 or ``gpu`` on MLX.
        threads: Threads of one decode; one a process scales best. MLX chooses its own.
        cache: Folder for exported weights; None is ``~/.cache/callstream/asr``.
        models_folder: Cache of fetched models; None is ``~/.cache/callstream/models``.

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
    weights = find_weights(model, models_folder) if isinstance(model, str) else model
    module = import_module(_MODULES[backend])
    if precision == "auto":
        precision = _best_precision(weights, backend, device)
    settings = BackendSettings(precision, device, threads, cache or default_cache())
    engine: WhisperEngine = module.load(weights, settings)
    return engine


def _best_precision(weights: SpeechWeights, backend: Backend, device: str) -> Precision:
    if backend in ("onnx", "ctranslate2"):
        return weights.manifest.default_precision
    return "fp32" if device == "cpu" else "fp16"
