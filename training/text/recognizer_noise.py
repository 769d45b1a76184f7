"""Simulated mistakes of a recognizer, so that models are robust to them."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIN_LETTERS = 2


class RecognizerNoise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mistakes of a recognizer in the texts of the train split.

    Attributes:
        share: Of the examples that have any.
        drop: Share of their words that are missing.
        replace: Share of their words heard as a similar one.
        cut: Share of these examples, where they are incomplete, whose last word is a fragment.
    """

    share: float = 0.0
    drop: float = 0.05
    replace: float = 0.1
    cut: float = 0.1


class SimilarWords:
    """Words of a vocabulary one letter apart: missing, added or another."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_shortened: dict[str, list[str]] = defaultdict(list)
        for word in sorted({word for word in words if word.isalpha()}):
            for shortened in _shortened(word):
                self._by_shortened[shortened].append(word)

    def like(self, word: str) -> list[str]:
        """Return the words a recognizer may hear in place of this one, sorted."""
        found = {
            similar
            for shortened in _shortened(word)
            for similar in self._by_shortened.get(shortened, ())
        }
        return sorted(found - {word})


def _shortened(word: str) -> set[str]:
    if len(word) < _MIN_LETTERS:
        return set()
    return {word} | {word[:index] + word[index + 1 :] for index in range(len(word))}


def with_mistakes(
    text: str,
    noise: RecognizerNoise,
    similar: SimilarWords,
    draw: random.Random,
    *,
    is_complete: bool,
) -> str:
    """Return a text as a recognizer may have heard it; the last word of a complete text stays."""
    if draw.random() >= noise.share:
        return text
    words = text.split()
    last = len(words) - 1
    heard = []
    for index, word in enumerate(words):
        if index == last:
            heard.append(word)
        elif draw.random() >= noise.drop:
            heard.append(_misheard(word, noise, similar, draw))
    if not is_complete and heard and draw.random() < noise.cut:
        heard[-1] = _fragment(heard[-1], draw)
    return " ".join(heard)


def _misheard(word: str, noise: RecognizerNoise, similar: SimilarWords, draw: random.Random) -> str:
    if draw.random() >= noise.replace:
        return word
    candidates = similar.like(word)
    return draw.choice(candidates) if candidates else word


def _fragment(word: str, draw: random.Random) -> str:
    if not word.isalpha() or len(word) <= _MIN_LETTERS:
        return word
    return word[: draw.randrange(_MIN_LETTERS, len(word))]
