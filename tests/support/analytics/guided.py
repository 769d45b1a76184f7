"""Matching of texts against grammars by LLGuidance, with a small vocabulary made here."""

from collections.abc import Sequence
from functools import cache

import llguidance
import numpy as np
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

# Each byte, and some that join what stands together in JSON and in words
JOINED = ['{"', '":', '":"', '","', ',"', '"}', "},", "null", "12", "10", "ca", "ing", "  ", ' "']
TOKENS = [bytes([each]) for each in range(256)] + [each.encode() for each in JOINED]
END = len(TOKENS)


class SmallVocabulary:
    """Writes the longest token that fits, as LLGuidance wants it of a tokenizer."""

    eos_token_id = END
    bos_token_id = None
    tokens = (*TOKENS, b"<end>")
    special_token_ids = (END,)

    def __call__(self, text: bytes) -> list[int]:
        """Return the tokens of a text."""
        ids, place = [], 0
        by_length = sorted(range(END), key=lambda each: -len(TOKENS[each]))
        while place < len(text):
            ids.append(next(each for each in by_length if text.startswith(TOKENS[each], place)))
            place += len(TOKENS[ids[-1]])
        return ids


@cache
def vocabulary() -> llguidance.LLTokenizer:
    """Return the vocabulary."""
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(SmallVocabulary()))


@cache
def fresh(grammar: str) -> llguidance.LLMatcher:
    """Return a matcher that nobody writes to."""
    matcher = llguidance.LLMatcher(vocabulary(), grammar, log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    return matcher


class Guided:
    """A text that grows, token by token, as a grammar allows."""

    def __init__(self, grammar: str) -> None:
        self._matcher = fresh(grammar).deep_copy()
        self.written = b""
        self.tokens = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing can follow."""
        return self._matcher.is_stopped()

    def allowed(self) -> Sequence[int]:
        """Return the tokens that may follow."""
        mask = allocate_token_bitmask(1, END + 1)
        fill_next_token_bitmask(self._matcher, mask, 0)
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: END + 1]
        return [int(each) for each in np.flatnonzero(bits)]

    def write(self, token: int) -> bool:
        """Add a token; False where the grammar does not allow it."""
        if not self._matcher.consume_token(token):
            return False
        if token != END:
            self.written += TOKENS[token]
            self.tokens += 1
        return True


def accepts(grammar: str, text: str) -> bool:
    """Whether a grammar allows a whole text, written byte by byte."""
    matcher = fresh(grammar).deep_copy()
    written = text.encode()
    return matcher.try_consume_tokens(list(written)) == len(written) and matcher.is_accepting()


def json_schema_grammar(schema: str) -> str:
    """Return the grammar of what a JSON Schema allows, as servers of LLGuidance make it."""
    return llguidance.LLMatcher.grammar_from_json_schema(schema)
