"""What every back-end offers: encode one utterance, decode a batch of them step by step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.asr.core.dimensions import WhisperDimensions
    from models.asr.core.tokens import TokenTable
    from models.audio.samples import FloatArray

    IntArray = npt.NDArray[np.int64]


class Rule(IntEnum):
    """What may be written at a position: the rows of the rules of writing."""

    TEXT = 0
    FIRST = 1  # as TEXT, but neither a blank nor the end
    ANYTHING = 2
    UNENDING = 3  # as TEXT, but not the end


class WritingRules(NamedTuple):
    """What is added to the logits of some tokens; no others are ruled.

    Attributes:
        tokens: Those that some rule forbids, ascending, shape (ruled,).
        added: 0 or -inf, shape (rules, ruled).
    """

    tokens: IntArray
    added: FloatArray


def writing_rules(table: TokenTable) -> WritingRules:
    """Return what each `Rule` forbids."""
    never = {*table.suppressed}
    forbidden = {
        Rule.TEXT: never,
        Rule.FIRST: never | {*table.suppressed_first},
        Rule.ANYTHING: set[int](),
        Rule.UNENDING: never | {table.end_of_text},
    }
    tokens = np.array(sorted(set().union(*forbidden.values())), np.int64)
    added = [np.where(np.isin(tokens, sorted(forbidden[rule])), -np.inf, 0.0) for rule in Rule]
    return WritingRules(tokens, np.array(added, np.float32))


@dataclass(frozen=True, slots=True)
class Scores:
    """What the output layer says at the positions asked for.

    Attributes:
        best: Most probable tokens under the rule, the most probable one first, shape (m, count).
        best_log_probabilities: Theirs, among what the rule allows, shape (m, count).
        log_probabilities: Of all tokens, shape (m, tokens); None unless wanted.
    """

    best: IntArray
    best_log_probabilities: FloatArray
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
        count: How many of the most probable tokens are wanted; no more than there are.
        wants_all: Whether the log-probabilities of all tokens are needed.
    """

    tokens: IntArray
    positions: IntArray
    mask: FloatArray
    scored: IntArray
    rules: IntArray
    count: int = 1
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
