"""What every back-end offers: encode one utterance, decode a batch of them step by step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.asr.core.dimensions import WhisperDimensions
    from models.asr.core.tokens import TokenTable
    from models.audio.samples import FloatArray

    IntArray = npt.NDArray[np.int64]


class Rule(IntEnum):
    """What may be written at a position: the rows of ``rule_table``."""

    TEXT = 0
    FIRST = 1  # as TEXT, but neither a blank nor the end
    ANYTHING = 2
    LANGUAGE = 3
    UNENDING = 4  # as TEXT, but not the end


def rule_table(table: TokenTable) -> FloatArray:
    """Return what is added to the logits, shape (rules, tokens): 0 or -inf."""
    rules = np.zeros((len(Rule), len(table.pieces)), dtype=np.float32)
    suppressed = list(table.suppressed)
    for rule in (Rule.TEXT, Rule.FIRST, Rule.UNENDING):
        rules[rule, suppressed] = -np.inf
    rules[Rule.FIRST, list(table.suppressed_first)] = -np.inf
    rules[Rule.UNENDING, table.end_of_text] = -np.inf
    if table.languages:
        rules[Rule.LANGUAGE] = -np.inf
        rules[Rule.LANGUAGE, list(table.languages.values())] = 0.0
    return rules


@dataclass(frozen=True, slots=True)
class Scores:
    """What the output layer says at the positions asked for.

    Attributes:
        best: Most probable token under the rule, shape (m,).
        best_log_probability: Its log-probability among what the rule allows, shape (m,).
        log_probabilities: Of all tokens, shape (m, tokens); None unless wanted.
    """

    best: IntArray
    best_log_probability: FloatArray
    log_probabilities: FloatArray | None


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of the decoder over the next tokens of every utterance of a batch.

    Attributes:
        tokens: Shape (batch, n).
        positions: Of the tokens in their utterance, shape (batch, n).
        mask: Added to the self-attention's scores, shape (batch or 1, 1, n, past + n).
        scored: Which of the batch * n outputs to score, shape (m,).
        rules: For each of them, shape (m,).
        wants_all: Whether the log-probabilities of all tokens are needed.
    """

    tokens: IntArray
    positions: IntArray
    mask: FloatArray
    scored: IntArray
    rules: IntArray
    wants_all: bool = False


class DecoderBatch(Protocol):
    """Utterances being decoded together; remembers the tokens they were given."""

    def advance(self, step: Pass) -> Scores:
        """Give every utterance its next tokens."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these utterances alone, in this order; one may go on several times."""
        ...

    def attention(self, row: int, columns: IntArray) -> FloatArray:
        """Return the aligned heads' cross-attention before the softmax.

        Args:
            row: Of the utterance.
            columns: Which of the tokens given so far, in order of time.

        Returns:
            Shape (heads, columns, positions).
        """
        ...


class SpeechNetwork(Protocol):
    """Loaded weights on a back-end."""

    @property
    def dims(self) -> WhisperDimensions:
        """Return the sizes."""
        ...

    @property
    def tokens(self) -> TokenTable:
        """Return what the output layer writes."""
        ...

    def encode(self, mel: FloatArray) -> Any:
        """Return what the decoder attends to, for one utterance.

        Args:
            mel: Log-mel spectrogram, shape (n_frames, mel_bands), n_frames even.
        """
        ...

    def decoder(self, audio: Sequence[Any], *, wants_attention: bool = True) -> DecoderBatch:
        """Return a batch that begins.

        Args:
            audio: What ``encode`` returned, one for each utterance.
            wants_attention: Whether the cross-attention will be asked for.
        """
        ...
