"""Settings of speech recognition."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from stream_app.settings.part import Part

# The names that the models use. They are written again because loading settings imports no model,
# which a test checks.
Backend = Literal["auto", "onnx", "torch", "ctranslate2", "mlx"]
Precision = Literal["auto", "fp32", "int8", "bf16", "fp16"]
Policy = Literal["auto", "local_agreement", "attention_guided", "utterance_only"]
WordStyle = Literal["spoken", "normalised"]


class AsrSettings(Part):
    """Speech recognition.

    Attributes:
        model: ``bundled``, a name such as ``base``, or a path.
        models_folder: Cache of models that are fetched by name; ``~/.cache/callstream/models`` by
            default. ``~`` is the user's home.
        backend: What runs the weights; ``auto`` is ONNX Runtime on a CPU, and torch elsewhere.
        precision: Of the weights at work, such as ``fp32`` or ``int8``; ``auto`` leaves it to
            the back-end.
        device: Where the weights run: ``cpu``, ``cuda`` (on ONNX Runtime and torch also such as
            ``cuda:1``), ``gpu`` on MLX; one that the back-end cannot use here is refused.
        threads: Of one process; several processes of one thread each serve more calls.
        beam_size: Most hypotheses that a final is searched with; 1 takes the likeliest word piece
            each time, as partials always do and CTranslate2 too: less work for a final, and more
            errors.
        partial_interval_ms: New audio between two partials of a segment; stretches under overload.
        max_batch: Most requests in one call of the model.
        policy: When words of a partial are committed; ``auto`` leaves it to the weights,
            ``utterance_only`` asks for no partials at all.
        policy_guard_ms: Audio that must follow a word before ``attention_guided`` commits it; the
            weights' own value by default.
        numbers: ``spoken`` leaves words as the recognizer wrote them, and Whisper's weights write
            figures themselves; ``normalised`` writes English numbers, amounts, times, spellings
            and addresses as they are written, which the bare words of small weights need.
        deterministic: Partials repeat byte for byte as finals do. Their interval never stretches
            and none is shed, so that overload delays finals as well.
        unserved_language: What becomes of words in a language that the weights do not serve:
            ``write`` keeps them, ``withhold`` takes them away.
        doubtful_confidence: Mean confidence of a party's words below which its speech is not
            taken for the language that it was decoded as; 0 doubts nothing.
    """

    model: str = "bundled"
    models_folder: Path | None = None
    backend: Backend = "auto"
    precision: Precision = "auto"
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)
    beam_size: int = Field(default=5, ge=1, le=20)
    partial_interval_ms: int = Field(default=500, ge=100)
    max_batch: int = Field(default=8, ge=1)
    policy: Policy = "auto"
    policy_guard_ms: int | None = Field(default=None, ge=0)
    numbers: WordStyle = "spoken"
    deterministic: bool = False
    unserved_language: Literal["write", "withhold"] = "write"
    doubtful_confidence: float = Field(default=0.2, ge=0, lt=1)

    @field_validator("models_folder")
    @classmethod
    def _from_home(cls, folder: Path | None) -> Path | None:
        """Return the folder that ``~`` stands for, which no shell may have expanded."""
        try:
            return folder and folder.expanduser()
        except RuntimeError as error:  # of no such user
            raise ValueError(f"{folder}: {error}") from error
