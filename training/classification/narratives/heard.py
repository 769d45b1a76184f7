"""Calls as a recognizer hears them: without punctuation, with wrong, lost and doubled words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from models.text.spoken_form import spoken_form
from training.classification.corpus.rows import RowTurn
from training.text.recognizer_noise import RecognizerNoise, SimilarWords, with_mistakes

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

# Words that sound alike, which a recognizer takes for one another
_HOMOPHONES = (
    ("their", "there", "they're"), ("to", "two", "too"), ("no", "know"), ("by", "buy", "bye"),
    ("here", "hear"), ("our", "hour"), ("son", "sun"), ("week", "weak"), ("right", "write"),
    ("for", "four"), ("eight", "ate"), ("wait", "weight"), ("pain", "pane"), ("meat", "meet"),
    ("mail", "male"), ("father", "farther"), ("him", "hymn"), ("new", "knew"), ("one", "won"),
    ("would", "wood"), ("hole", "whole"), ("been", "bean"), ("birth", "berth"), ("feet", "feat"),
    ("heal", "heel"), ("cell", "sell"), ("wear", "where"), ("piece", "peace"), ("your", "you're"),
    ("its", "it's"), ("whose", "who's"), ("passed", "past"), ("through", "threw"), ("sore", "saw"),
    ("then", "than"), ("aunt", "ant"), ("custody", "custardy"), ("mother", "mudder"),
    ("defiled", "the filed"), ("maintenance", "maintain ends"), ("counselling", "cancelling"),
    ("panga", "pan guy"), ("nutrition", "new trish and"), ("rape", "wrap"), ("raped", "wrapped"),
)  # fmt: skip
_ALIKE = {
    word: tuple(other for other in words if other != word)
    for words in _HOMOPHONES
    for word in words
}


class HearingNoise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mistakes in a call that was heard by a recognizer, as shares of its words.

    Attributes:
        drop: Words that are missing.
        replace: Words heard as one of another letter, if there is one.
        alike: Words with a homophone that are heard as it.
        double: Words that stand there twice.
        join: Words that are joined with the next.
    """

    drop: float = 0.03
    replace: float = 0.05
    alike: float = 0.15
    double: float = 0.005
    join: float = 0.01

    def scaled(self, factor: float) -> HearingNoise:
        """Return the noise of a better or a worse line."""
        return HearingNoise(**{name: share * factor for name, share in asdict(self).items()})


def similar_words(texts: Iterable[str]) -> SimilarWords:
    """Return the words that texts have, to be taken for one another."""
    return SimilarWords(word for text in texts for word in spoken_form(text).split())


def heard(
    turns: Sequence[RowTurn], noise: HearingNoise, similar: SimilarWords, draw: random.Random
) -> tuple[RowTurn, ...]:
    """Return turns in spoken form with the mistakes of a recognizer; no turn becomes empty."""
    mistakes = RecognizerNoise(share=1.0, drop=noise.drop, replace=noise.replace, cut=0.0)
    found = []
    for turn in turns:
        words = [
            part for word in spoken_form(turn.text).split() for part in _said(word, noise, draw)
        ]
        text = with_mistakes(" ".join(words), mistakes, similar, draw, is_complete=True)
        found.append(RowTurn(turn.party, _joined(text, noise, draw)))
    return tuple(found)


def _said(word: str, noise: HearingNoise, draw: random.Random) -> list[str]:
    if word in _ALIKE and draw.random() < noise.alike:
        word = draw.choice(_ALIKE[word])
    return [word, word] if draw.random() < noise.double else [word]


def _joined(text: str, noise: HearingNoise, draw: random.Random) -> str:
    words = text.split(" ")
    ends = ["" if draw.random() < noise.join else " " for _ in words[1:]]
    return "".join(word + end for word, end in zip(words, [*ends, ""], strict=True))
