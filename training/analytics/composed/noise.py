"""Calls as a recognizer writes them: spoken form, with lost and misheard words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from models.analytics.turns import SpokenTurn
from models.text.spoken_form import spoken_form
from training.analytics.composed.content import all_phrasings
from training.core.splits import SPLITS
from training.text.recognizer_noise import RecognizerNoise, SimilarWords, with_mistakes

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

LINES = (0.5, 1.0, 2.0)  # by which the mistakes are multiplied, of a good to a bad line
_DROP, _REPLACE = 0.03, 0.05  # shares of the words
_SLOT = re.compile(r"<\w+>")


def heard(turns: Sequence[SpokenTurn], draw: random.Random) -> tuple[SpokenTurn, ...]:
    """Return turns as they may have been recognized; none becomes empty."""
    factor = draw.choice(LINES)
    mistakes = RecognizerNoise(share=1.0, drop=_DROP * factor, replace=_REPLACE * factor, cut=0.0)
    return tuple(SpokenTurn(turn.party, _heard(turn.text, mistakes, draw)) for turn in turns)


def _heard(text: str, mistakes: RecognizerNoise, draw: random.Random) -> str:
    said = spoken_form(text) or text
    return with_mistakes(said, mistakes, _vocabulary(), draw, is_complete=True)


@cache
def _vocabulary() -> SimilarWords:
    texts = (_SLOT.sub(" ", text) for split in SPLITS for text in all_phrasings(split))
    return SimilarWords(word for text in texts for word in spoken_form(text).split())
