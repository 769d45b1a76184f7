"""An answer that a model in this process writes token by token, under its grammar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.analytics.backends.completions import Completion, judged
from models.analytics.backends.grammar import SampledToken
from models.extras.llguidance import llguidance
from models.extras.llguidance import numpy as masks
from schemas.failed import Failed

if TYPE_CHECKING:
    import numpy.typing as npt

    from models.analytics.backends.protocol import Generated, Request

_ALTERNATIVES = 40  # of each token; a closed list has at most 26 entries


class Vocabulary(Protocol):
    """The tokens of a model.

    Attributes:
        size: Number of logits.
        tokens: As grammars see them.
    """

    size: int
    tokens: llguidance.LLTokenizer


class GuidedText:
    """One answer under way.

    Args:
        vocabulary: Of the model.
        request: What is asked.
        prompt_tokens: Number of tokens of the prompt.
        cached_tokens: How many of them were read for an earlier prompt.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        request: Request,
        prompt_tokens: int,
        cached_tokens: int = 0,
    ) -> None:
        self._vocabulary = vocabulary
        self._request = request
        self._read_tokens = (prompt_tokens, cached_tokens)
        grammar = llguidance.LLMatcher.grammar_from_lark(request.grammar)
        self._matcher = llguidance.LLMatcher(vocabulary.tokens, grammar, log_level=0)
        self._mask = masks.allocate_token_bitmask(1, vocabulary.size)
        self._random = np.random.default_rng(request.seed)
        self._written: list[SampledToken] = []
        self._ended = False
        self._begin_s = time.perf_counter()
        self._first_s = 0.0
        self._last_s = 0.0

    @property
    def is_done(self) -> bool:
        """Return whether nothing is to be written any more."""
        return self._ended or len(self._written) >= self._request.max_tokens

    def add(self, logits: npt.NDArray[np.float32]) -> int:
        """Return the token that the answer has then: one that the grammar allows.

        Args:
            logits: Of the next token, shape (vocabulary,); they are overwritten.
        """
        self._last_s = time.perf_counter()
        self._first_s = self._first_s or self._last_s
        masks.fill_next_token_bitmask(self._matcher, self._mask, 0)
        masks.apply_token_bitmask_inplace(logits[np.newaxis], self._mask)
        token = self._chosen(logits)
        ends = self._vocabulary.tokens.eos_tokens
        if self._matcher.is_error() or token in ends or not np.isfinite(logits[token]):
            self._ended = True
            return token
        self._written.append(self._sampled(token, logits))
        self._matcher.consume_token(token)
        self._ended = self._matcher.is_stopped()
        return token

    def forced(self) -> list[int]:
        """Return the tokens that the grammar leaves no choice for; they are written then."""
        if self.is_done:
            return []
        room = self._request.max_tokens - len(self._written)
        tokens = self._matcher.compute_ff_tokens()[:room]
        decode = self._vocabulary.tokens.decode_bytes
        self._written += [SampledToken(decode([each]), 0.0, ()) for each in tokens]
        self._matcher.consume_tokens(tokens)
        self._ended = self._matcher.is_stopped()
        return tokens

    def result(self) -> Generated | Failed:
        """Return the answer, or why it is none."""
        if self._matcher.is_error():
            reason = self._matcher.get_error().splitlines()[0]
            return Failed(f"the grammar cannot be followed: {reason}", retryable=False)
        text = b"".join(each.content for each in self._written).decode(errors="replace")
        completion = Completion(
            text=text,
            tokens=tuple(self._written),
            is_whole=self._ended,
            usage=(*self._read_tokens, len(self._written)),
            prompt_s=self._first_s - self._begin_s,
            answer_s=self._last_s - self._first_s,
        )
        return judged(completion, self._request)

    def _chosen(self, logits: npt.NDArray[np.float32]) -> int:
        temperature = self._request.temperature
        if not temperature:
            return int(np.argmax(logits))
        noise = self._random.gumbel(size=len(logits))
        return int(np.argmax(logits / temperature + noise))

    def _sampled(self, token: int, logits: npt.NDArray[np.float32]) -> SampledToken:
        most = min(_ALTERNATIVES, len(logits))
        likely = np.argpartition(-logits, most - 1)[:most]
        likely = likely[np.isfinite(logits[likely])]
        highest = float(logits[token])
        log_sum = highest + float(np.log(np.exp(logits - highest).sum()))
        decode = self._vocabulary.tokens.decode_bytes
        alternatives = tuple(
            (decode([int(each)]), float(logits[each]) - log_sum) for each in likely
        )
        return SampledToken(decode([token]), highest - log_sum, alternatives)
