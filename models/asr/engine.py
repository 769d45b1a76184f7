"""What the live path needs of a speech engine, and the one entry that loads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from models.asr.hypothesis import Hypothesis
from models.asr.weights import find_weights
from models.audio.samples import FloatArray
from schemas.errors import MissingExtraError

if TYPE_CHECKING:
    from models.asr.whisper_engine import WhisperEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """What a decode depends on besides audio and weights.

    Attributes:
        language: Code such as ``en``; None lets multilingual weights detect it. English-only
            weights decode as English whatever is asked.
        hot_words: Names and terms to favour; ignored by weights that take no prompt.
        word_times: Place the words in time; without it they are spread evenly.
    """

    language: str | None = "en"
    hot_words: tuple[str, ...] = ()
    word_times: bool = True


DEFAULT_OPTIONS = DecodeOptions()


@dataclass(frozen=True, slots=True, eq=False)
class SpeechRequest:
    """One stretch of audio to decode: mono at 16 kHz, shape (n_samples,)."""

    samples: FloatArray
    options: DecodeOptions = DEFAULT_OPTIONS


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
        """Return one hypothesis for each request, none influenced by another."""
        ...


def load_engine(
    model: str = "bundled", *, device: str = "cpu", threads: int = 1
) -> "WhisperEngine":
    """Return a speech engine, ready to decode. Sets torch's thread count for this process.

    Args:
        model: ``bundled``; a name of openai-whisper such as ``base.en``, which that downloads;
            or the path of a checkpoint in its format (``.pt``) or of a manifest (``.json``).
        device: ``cpu`` or a torch device.
        threads: Threads of one decode; one a process scales best.

    Raises:
        MissingExtraError: torch or openai-whisper is not installed.
        ModelNotFoundError: No such weights, or they could not be downloaded.
        ModelIntegrityError: Damaged weights.
    """
    missing = [name for name in ("torch", "whisper") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"speech recognition needs {' and '.join(missing)}: pip install 'callstream[torch]'"
        )
    from models.asr.whisper_engine import WhisperEngine  # noqa: PLC0415  torch takes a second
    from models.asr.whisper_network import configure_torch, load_network  # noqa: PLC0415

    weights = find_weights(model)
    network = load_network(weights, device)
    configure_torch(threads, width=network.dims.n_audio_state)
    return WhisperEngine(network, weights.manifest)
