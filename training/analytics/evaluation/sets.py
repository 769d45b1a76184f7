"""The sets of calls that are measured: a split, its sources, and as a recognizer writes it."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from models.text.spoken_form import spoken_form
from training.analytics.corpus.examples import Example
from training.analytics.evaluation.results import DataUsed
from training.core.sampling import spread_evenly
from training.text.recognizer_noise import RecognizerNoise, SimilarWords, with_mistakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.turns import SpokenTurn
    from training.core.splits import Split

TRAIN: Split = "train"
VALIDATION: Split = "validation"
TEST: Split = "test"
RECOGNIZED = "as recognized"
# Of the words of every turn; a turn keeps its last one
NOISE = RecognizerNoise(share=1.0, drop=0.03, replace=0.05, cut=0.0)


def sampled(examples: Sequence[Example], most: int) -> list[Example]:
    """Return at most so many calls, spread evenly and the same every time; all with 0."""
    if not most:
        return list(examples)
    return [examples[place] for place in spread_evenly(len(examples), most)]


def parts_of(name: str, examples: Sequence[Example]) -> dict[str, list[int]]:
    """Return the places of the calls of each part of a set, by the part's name.

    Parts are the sources, and calls as they were written or as a recognizer writes them, where the
    corpus says so; each where the set has more than one.

    Args:
        name: Of the set.
        examples: Of the set.
    """
    found: dict[str, list[int]] = {}
    for kind in (_source, _writing):
        names = [kind(each) for each in examples]
        if len(set(names)) > 1:
            for part in sorted({each for each in names if each}):
                found[f"{name}, {part}"] = [at for at, each in enumerate(names) if each == part]
    return found


def _source(example: Example) -> str:
    return example.source


def _writing(example: Example) -> str:
    """Return in which form a call of the composed corpus is; empty where nothing says so."""
    heard = {"yes": RECOGNIZED, "no": "as written"}
    return heard.get(example.provenance.get("heard", ""), "")


def as_recognized(
    examples: Sequence[Example], words: Sequence[Example], seed: int
) -> list[Example]:
    """Return the calls as a recognizer writes them: no punctuation, words misheard or lost.

    Numbers of turns stay, so that the evidence of the targets stays right.

    Args:
        examples: To be written so.
        words: Calls whose words are taken for one another: those of the training split.
        seed: Of the mistakes; they depend on it and on the call alone.
    """
    similar = SimilarWords(
        word for call in words for turn in call.turns for word in spoken_form(turn.text).split()
    )

    def heard(turn: SpokenTurn, draw: random.Random) -> SpokenTurn:
        spoken = spoken_form(turn.text)
        text = with_mistakes(spoken, NOISE, similar, draw, is_complete=True)
        return replace(turn, text=text or turn.text)

    found = []
    for each in examples:
        draw = random.Random(f"{seed}/{each.id}")
        found.append(replace(each, turns=tuple(heard(turn, draw) for turn in each.turns)))
    return found


def data_used(examples: Sequence[Example]) -> DataUsed:
    """Return number, content and sources of calls; the sha256 is that of a file with them."""
    content = msgspec.json.Encoder().encode_lines(examples)
    sources = Counter(each.source for each in examples)
    digest = hashlib.sha256(content).hexdigest()
    return DataUsed(len(examples), digest, dict(sources.most_common()))
