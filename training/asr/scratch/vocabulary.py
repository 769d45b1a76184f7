"""The part of GPT-2's vocabulary that the small model knows, and how it segments words."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from training.asr.whisper.tokenizers import english_tokenizer
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from whisper.tokenizer import Tokenizer

_TEXT_TOKEN = re.compile(r" ?[a-z']+$")
_NEVER_TOKENS = frozenset({" '"})  # whisper.decode suppresses it as a non-speech symbol
_LONGEST_TOKEN = 16
_KEPT_SHARE = 0.7  # of the tokens, each round
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class SpecialTokens(msgspec.Struct, frozen=True):
    """Positions, in the sub-vocabulary, of the special tokens in use."""

    end: int
    start: int
    no_timestamps: int
    no_speech: int


class SubVocabulary(msgspec.Struct, frozen=True):
    """The tokens in use: their GPT-2 ids, their texts and the cost of using each.

    The special tokens come first, in the order of ``SpecialTokens``, with empty texts.
    """

    token_ids: tuple[int, ...]
    texts: tuple[str, ...]
    costs: tuple[float, ...]

    def __len__(self) -> int:
        """Return the number of tokens in use, the special ones included."""
        return len(self.token_ids)

    @property
    def special(self) -> SpecialTokens:
        """Return the positions of the special tokens."""
        return SpecialTokens(end=0, start=1, no_timestamps=2, no_speech=3)


class WordSegmenter:
    """Cuts words into tokens of a sub-vocabulary, at the least total cost."""

    def __init__(self, vocabulary: SubVocabulary) -> None:
        """Index the tokens by text."""
        self._vocabulary = vocabulary
        self._index = {text: i for i, text in enumerate(vocabulary.texts) if text}
        self._longest = max(len(text) for text in self._index)
        self.segment = lru_cache(maxsize=200_000)(self._segment)

    def _segment(self, word: str) -> tuple[int, ...]:
        """Return the positions in the sub-vocabulary that spell `` word`` (with its space)."""
        text = f" {word}"
        best: list[tuple[float, int, int]] = [(0.0, -1, -1)]
        for end in range(1, len(text) + 1):
            options = []
            for start in range(max(0, end - self._longest), end):
                token = self._index.get(text[start:end])
                if token is not None:
                    cost = best[start][0] + self._vocabulary.costs[token]
                    options.append((cost, start, token))
            best.append(min(options, default=(math.inf, -1, -1)))
        if math.isinf(best[-1][0]):
            message = f"the vocabulary cannot spell {word!r}"
            raise ValueError(message)
        tokens: list[int] = []
        at = len(text)
        while at:
            _, at, token = best[at]
            tokens.append(token)
        return tuple(reversed(tokens))


def build_vocabulary(word_counts: Mapping[str, int], *, size: int) -> SubVocabulary:
    """Return at most ``size`` tokens that spell these words well, every single letter included.

    Starts from all of GPT-2's tokens that occur in the words and, round by round, drops those that
    the cheapest spelling uses least. Rare words are then spelled with frequent pieces, so that
    each token is seen often enough to be learnt; any such spelling decodes to the same text.

    Raises:
        RecipeError: There is no room for the letters.

    Source: the pruning of unigram language models, Kudo 2018, arXiv:1804.10959, with hard counts.
    """
    tokenizer = english_tokenizer()
    letters = {tokenizer.encode(space + letter)[0] for letter in _LETTERS for space in ("", " ")}
    letters.add(tokenizer.encode("'")[0])
    if size < len(letters):
        raise RecipeError(f"the vocabulary must have {len(letters)} tokens or more: its letters")
    counts = dict.fromkeys(letters, 1) | _occurring_tokens(tokenizer, word_counts)
    while True:
        counts = _recount(_with_costs(tokenizer, counts), word_counts)
        if len(counts) <= size:
            return _with_costs(tokenizer, counts)
        aim = max(size, int(len(counts) * _KEPT_SHARE))
        ranked = sorted(counts, key=lambda token: (token not in letters, -counts[token], token))
        counts = {token: counts[token] for token in ranked[:aim]}


def _occurring_tokens(tokenizer: Tokenizer, word_counts: Mapping[str, int]) -> dict[int, int]:
    ids = {}
    for token in range(tokenizer.eot):
        text = tokenizer.encoding.decode_single_token_bytes(token).decode("utf-8", "replace")
        if _TEXT_TOKEN.match(text) and text not in _NEVER_TOKENS:
            ids[text] = token
    counts: Counter[int] = Counter()
    for word, count in word_counts.items():
        text = f" {word}"
        for start in range(len(text)):
            for end in range(start + 1, min(len(text), start + _LONGEST_TOKEN) + 1):
                if text[start:end] in ids:
                    counts[ids[text[start:end]]] += count
    return dict(counts)


def _recount(vocabulary: SubVocabulary, word_counts: Mapping[str, int]) -> dict[int, int]:
    segmenter = WordSegmenter(vocabulary)
    specials = 4
    counts = dict.fromkeys(vocabulary.token_ids[specials:], 1)
    for word, count in word_counts.items():
        for token in segmenter.segment(word):
            counts[vocabulary.token_ids[token]] += count
    return counts


def _with_costs(tokenizer: Tokenizer, counts: Mapping[int, int]) -> SubVocabulary:
    total = sum(counts.values())
    ordered = sorted(counts)
    specials = (tokenizer.eot, tokenizer.sot, tokenizer.no_timestamps, tokenizer.no_speech)
    return SubVocabulary(
        token_ids=(*specials, *ordered),
        texts=("", "", "", "", *(tokenizer.decode([token]) for token in ordered)),
        costs=(0.0, 0.0, 0.0, 0.0, *(-math.log(counts[token] / total) for token in ordered)),
    )


def count_words(texts: Iterable[tuple[str, ...]]) -> Counter[str]:
    """Return how often each word occurs."""
    counts: Counter[str] = Counter()
    for words in texts:
        counts.update(words)
    return counts
