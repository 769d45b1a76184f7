"""Back-ends of the engine by name, as the command line gives them."""

from pathlib import Path
from typing import Any

import msgspec

from models.asr.checkpoints.weights import SpeechWeights, find_weights
from models.asr.core.requests import SpeechEngine
from models.asr.engine import PRECISIONS, load_engine
from schemas.errors import ConfigurationError

FULL = "full"  # every decode padded to 30 s


class Backend(msgspec.Struct, frozen=True):
    """A back-end of the engine in a precision."""

    name: str
    precision: str

    @property
    def label(self) -> str:
        """How tables and pictures name it."""
        return f"{self.name} {self.precision}"


def parse_backends(text: str) -> tuple[Backend, ...]:
    """Return the back-ends of ``onnx:int8,torch:fp32``.

    Raises:
        ConfigurationError: It names none, one that there is not, or not so.
    """
    found = []
    for part in text.split(","):
        name, separator, precision = part.strip().partition(":")
        if not (name and separator and precision):
            raise ConfigurationError(f"'{part}' is no back-end: write onnx:int8 or torch:fp32")
        if precision not in PRECISIONS.get(name, ()):
            known = ", ".join(f"{one}:{each}" for one, all_ in PRECISIONS.items() for each in all_)
            raise ConfigurationError(f"there is no back-end '{part.strip()}'; choose from {known}")
        found.append(Backend(name, precision))
    return tuple(found)


def load_backend(
    model: str, backend: Backend, cache: Path | None = None, *, context: str = ""
) -> SpeechEngine:
    """Return an engine on one thread.

    Args:
        model: See `load_engine`.
        backend: Which one runs it.
        cache: Folder for exported graphs; None is the engine's own.
        context: Of the encoder: `FULL`, or the silence after the audio in ms; empty for what the
            weights' manifest says.

    Raises:
        CallstreamError: It cannot be loaded.
    """
    weights = find_weights(model)
    if context:
        fields = {"encoder_context": "full", "pad_ms": 0}
        if context != FULL:
            fields = {"encoder_context": "cut", "pad_ms": int(context)}
        manifest = msgspec.structs.replace(weights.manifest, **fields)
        weights = SpeechWeights(weights.source, manifest)
    options: dict[str, Any] = {"backend": backend.name, "precision": backend.precision}
    engine: SpeechEngine = load_engine(weights, **options, threads=1, cache=cache)
    return engine
