"""What a decoder is to write for an utterance, and what it wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.asr.core.requests import go_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.asr.decoding.hot_words import HotWordBias
    from models.audio.samples import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeTask:
    """What to write for one utterance of a batch.

    Attributes:
        prompt: Tokens that the transcript goes on from, its opening last.
        start: Position of the opening in it.
        max_tokens: Longest transcript.
        draft: Tokens that it may well begin with.
        bias: Phrases to favour; None for none.
        is_forced: Write ``max_tokens`` tokens, no fewer.
        is_short: The audio holds a word or two.
        wants_attention: Keep the cross-attention, for alignment.
        between_steps: Called before each step but the first.
    """

    prompt: tuple[int, ...]
    start: int = 0
    max_tokens: int
    draft: tuple[int, ...] = ()
    bias: HotWordBias | None = None
    is_forced: bool = False
    is_short: bool = False
    wants_attention: bool = True
    between_steps: Callable[[], None] = go_on


@dataclass(slots=True)
class Transcript:
    """What was written.

    Attributes:
        tokens: Without the end of text.
        log_probabilities: One for each token.
        total_log_probability: Their sum, and that of the end of text if it came.
        no_speech_probability: At the opening; 0 for weights without that token.
        attention: Cross-attention scores of the opening and the text, (heads, tokens, positions).
    """

    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    total_log_probability: float = 0.0
    no_speech_probability: float = 0.0
    attention: FloatArray | None = None

    @property
    def avg_log_probability(self) -> float:
        """Return the mean log-probability of a token, the end of text counted."""
        return self.total_log_probability / (len(self.tokens) + 1)
