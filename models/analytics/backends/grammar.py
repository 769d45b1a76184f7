"""The grammar of an answer, byte by byte, whatever the tokens of a model are."""

from __future__ import annotations

import math
from codecs import getincrementaldecoder
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import llguidance

HEADER = "%llguidance {}\n"
_CACHED = 256  # grammars; one for each number of turns


class SampledToken(msgspec.Struct, frozen=True):
    """A token of an answer, and what the model would have written in its place.

    Attributes:
        content: Its bytes.
        log_probability: Of the token, by the model.
        alternatives: Content and log probability of the most likely tokens in this place, whether
            the grammar allows them or not; the token itself may be among them.
    """

    content: bytes
    log_probability: float
    alternatives: tuple[tuple[bytes, float], ...]


class AnswerGrammar:
    """A compiled grammar. Any thread may call any method.

    Args:
        lark: As llguidance takes it.

    Raises:
        ConfigurationError: It is no grammar.
    """

    def __init__(self, lark: str) -> None:
        matcher = _package().LLMatcher
        self._matcher: llguidance.LLMatcher = matcher(
            _bytes_tokenizer(), matcher.grammar_from_lark(lark), log_level=0
        )
        if self._matcher.is_error():
            reason = self._matcher.get_error().splitlines()[0]
            raise ConfigurationError(f"the grammar of the answer cannot be used: {reason}")

    def accepts(self, text: str) -> bool:
        """Return whether a text is an answer from its begin to its end."""
        matcher, content = self._matcher.deep_copy(), list(text.encode(errors="replace"))
        return matcher.try_consume_tokens(content) == len(content) and matcher.is_accepting()

    def confidences(self, tokens: Sequence[SampledToken]) -> tuple[tuple[str, float], ...]:
        """Return the text of each token and the probability of what the answer says there.

        That is the share of the tokens that agree with the answer, of all that the grammar allows
        in this place. An alternative agrees if the rest of the answer begins with it. It is 1
        where the grammar leaves no choice. Bytes that the grammar allows and of which no
        alternative is told count as the least likely one that is told.

        Args:
            tokens: Of an answer that the grammar accepts.

        Returns:
            Nothing where no alternatives are told.
        """
        if not any(each.alternatives for each in tokens):
            return ()
        matcher, rest = self._matcher.deep_copy(), b"".join(each.content for each in tokens)
        decoder = getincrementaldecoder("utf-8")("replace")
        found = []
        for token in tokens:
            found.append((decoder.decode(token.content), _share(matcher, token, rest)))
            matcher.consume_tokens(list(token.content))
            rest = rest[len(token.content) :]
        return tuple(found)


def _share(matcher: llguidance.LLMatcher, token: SampledToken, rest: bytes) -> float:
    """Return the share of what agrees with the rest of an answer, of all that is allowed."""
    agreeing, others = math.exp(token.log_probability), 0.0
    least = token.log_probability
    untold = {byte for byte in _allowed_bytes(matcher) if byte != rest[0]}
    for content, log_probability in token.alternatives:
        least = min(least, log_probability)
        if content == token.content or not content:
            continue
        if rest.startswith(content):
            agreeing += math.exp(log_probability)
        elif matcher.validate_tokens(list(content)) == len(content):
            others += math.exp(log_probability)
            untold.discard(content[0])
    others += len(untold) * math.exp(least)
    return agreeing / (agreeing + others) if others else 1.0


def _allowed_bytes(matcher: llguidance.LLMatcher) -> list[int]:
    mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.flatnonzero(np.unpackbits(mask, bitorder="little")[:256]).tolist()


@lru_cache(maxsize=_CACHED)
def compiled(lark: str) -> AnswerGrammar:
    """Return a grammar, compiled once.

    Raises:
        ConfigurationError: It is none.
    """
    return AnswerGrammar(lark)


@lru_cache(maxsize=1)
def _bytes_tokenizer() -> llguidance.LLTokenizer:
    tokenizer: llguidance.LLTokenizer = _package().LLTokenizer("byte")
    return tokenizer


def _package() -> Any:
    """Import what only answers need: whoever opens no model may lack the extra."""
    return import_module("models.extras.llguidance").llguidance
