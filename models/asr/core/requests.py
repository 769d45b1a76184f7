"""What is asked of a speech engine, and what every engine offers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.asr.core.hypothesis import Hypothesis
from models.audio.samples import FloatArray

BEAM_SIZE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """What a decode depends on besides audio and weights.

    Attributes:
        language: Tag such as ``en``, ``en-US`` or ``eng``. Multilingual weights detect what they
            do not know, and None; weights of one language decode as that one whatever is asked.
        hot_words: Names and terms to favour; ignored by weights that take no prompt.
        word_times: Place the words in time; without it they are spread evenly.
        forced_tokens: Number of tokens to write, for measurements; 0 leaves it to the weights.
        beam_size: Most hypotheses that an exact request is searched with; 1 takes the likeliest
            token each time, as requests that share passes always do.
    """

    language: str | None = "en"
    hot_words: tuple[str, ...] = ()
    word_times: bool = True
    forced_tokens: int = 0
    beam_size: int = BEAM_SIZE


DEFAULT_OPTIONS = DecodeOptions()
GREEDY = DecodeOptions(beam_size=1)  # as partials are decoded


def go_on() -> None:
    """Do nothing between two steps."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeechRequest:
    """One stretch of audio to decode.

    Attributes:
        samples: Mono at 16 kHz, shape (n_samples,).
        options: Language, hot-words, word times.
        draft: Tokens of an earlier hypothesis of the same utterance, verified in one pass; an
            exact request ignores them.
        is_exact: The hypothesis repeats bit for bit, whatever is decoded beside it.
        between_steps: Called between two steps of the decode, on back-ends that have any. It may
            decode something else with the same engine, and what it raises ends this decode.
    """

    samples: FloatArray
    options: DecodeOptions = DEFAULT_OPTIONS
    draft: tuple[int, ...] = ()
    is_exact: bool = True
    between_steps: Callable[[], None] = go_on


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
