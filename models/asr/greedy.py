"""Greedy decoding of one utterance: temperature 0, no timestamps, no fallback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from models.asr.whisper_network import DecoderState, WhisperNetwork


@dataclass(frozen=True, slots=True)
class WritingRules:
    """What the decoder may write, by token id.

    Attributes:
        end_of_text: Ends the decode.
        no_speech: Its probability at the start of the transcript is kept.
        suppressed: Never written.
        suppressed_first: Nor these as the first token: blank and end of text.
    """

    end_of_text: int
    no_speech: int
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """What was written.

    Attributes:
        tokens: Without the end of text.
        log_probabilities: One for each token.
        total_log_probability: Their sum, and that of the end of text if it came.
        no_speech_probability: At the start of the transcript; 0 for weights without that token.
    """

    tokens: list[int]
    log_probabilities: list[float]
    total_log_probability: float
    no_speech_probability: float

    @property
    def avg_log_probability(self) -> float:
        """Return the mean log-probability of a token, the end of text counted."""
        return self.total_log_probability / (len(self.tokens) + 1)


class GreedyDecoder:
    """Writes the most probable token, one after the other; equal to ``whisper.decode``.

    Args:
        network: Weights.
        rules: What may be written.
    """

    def __init__(self, network: WhisperNetwork, rules: WritingRules) -> None:
        self._network = network
        self._end_of_text = rules.end_of_text
        self._token_ids: list[int] = network.token_ids.tolist()
        self._no_speech = [n for n, token in enumerate(self._token_ids) if token == rules.no_speech]
        self._mask = self._masked(rules.suppressed)
        self._first_mask = self._masked((*rules.suppressed, *rules.suppressed_first))

    def decode(
        self, state: DecoderState, prompt: tuple[int, ...], *, start: int, max_tokens: int
    ) -> TokenSequence:
        """Return what the network writes.

        Args:
            state: Of the utterance before its first token; changed. It ends after the last token
                written, the end of text excluded.
            prompt: Hot-words if any, then start of transcript .. no timestamps.
            start: Position of the start of transcript in it.
            max_tokens: A guard against loops.
        """
        outputs = self._network.decode(list(prompt), state)
        no_speech_probability = self._no_speech_probability(outputs[start])
        tokens: list[int] = []
        log_probabilities: list[float] = []
        total = 0.0
        mask = self._first_mask
        while len(tokens) < max_tokens:
            token, log_probability = self._best(outputs[-1], mask)
            total += log_probability
            if token == self._end_of_text:
                break
            tokens.append(token)
            log_probabilities.append(log_probability)
            outputs = self._network.decode([token], state)
            mask = self._mask
        return TokenSequence(tokens, log_probabilities, total, no_speech_probability)

    def best_of(self, output: Tensor, candidates: tuple[int, ...]) -> int:
        """Return the most probable of some tokens after a decoder output."""
        others = ~torch.isin(self._network.token_ids, torch.tensor(candidates))
        logits = self._network.logits(output).masked_fill(others, float("-inf"))
        return self._token_ids[int(logits.argmax())]

    def _best(self, output: Tensor, mask: Tensor) -> tuple[int, float]:
        logits = self._network.logits(output) + mask
        best = int(logits.argmax())
        return self._token_ids[best], float(logits[best] - logits.logsumexp(dim=-1))

    def _no_speech_probability(self, output: Tensor) -> float:
        probabilities = self._network.logits(output).softmax(dim=-1)
        return float(probabilities[self._no_speech].sum())

    def _masked(self, suppressed: tuple[int, ...]) -> Tensor:
        """Return -inf for the suppressed tokens and 0 for the others."""
        hidden = torch.isin(self._network.token_ids, torch.tensor(suppressed))
        return torch.zeros(hidden.shape, device=hidden.device).masked_fill(hidden, float("-inf"))
