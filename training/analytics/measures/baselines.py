"""What needs no language model: the most frequent answers, and answers by keywords alone.

Both learn from the training split, answer with an analysis, and are measured as a model is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.text.spoken_form import spoken_form
from training.analytics.measures.findings import CSAT, FAULTS, QUALITY, RATINGS, Answered
from training.analytics.measures.labels import (
    IS_THERE,
    analysis_of,
    labels_of,
    names_of,
    turns_of,
)
from training.core.errors import MissingDataError
from training.measuring.keywords import WordVectors, scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from models.analytics.analysis import Analysis
    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example
    from training.analytics.measures.labels import Label

_NEAR = {CSAT: 15, QUALITY: 10}  # points within which a score counts


class Baseline(Protocol):
    """Answers calls without a language model."""

    def answer(self, example: Example) -> Analysis:
        """Return an analysis of a call, whose target is not looked at."""


def baselines(train: Sequence[Example], guide: AnalysisGuide) -> dict[str, Baseline]:
    """Return the baselines by name.

    Raises:
        MissingDataError: There is no call to learn from.
    """
    if not train:
        raise MissingDataError(
            "the training split has no calls: baselines learn from it; "
            "run `callstream train analytics-prepare` again"
        )
    return {"majority": Majority(train, guide), "keywords": Keywords(train, guide)}


def answered_by(baseline: Baseline, examples: Iterable[Example]) -> list[Answered]:
    """Return what a baseline answers of calls."""
    return [Answered(each, baseline.answer(each)) for each in examples]


class Majority:
    """Gives every call the labels that are right most often in the training split.

    Of scores it takes the one that is near enough to those of the most calls, of faults the most
    frequent one, of turns the place that shows a label most often.

    Args:
        train: Calls of the training split.
        guide: Of the answers.
    """

    def __init__(self, train: Sequence[Example], guide: AnalysisGuide) -> None:
        self._guide = guide
        labels = [labels_of(each, guide) for each in train]
        turns = [turns_of(each, guide) for each in train]
        self._labels: dict[str, Label] = {}
        self._places: dict[str, int] = {}
        for name in names_of(guide):
            known = Counter(each[name] for each in labels if name in each)
            if known:
                self._labels[name] = _likeliest(known, _NEAR.get(name, 0))
            places = Counter(each[name][0] for each in turns if name in each)
            if places:
                self._places[name] = places.most_common(1)[0][0]
        self._labels |= _most_frequent_fault(labels)

    def answer(self, example: Example) -> Analysis:
        """Return the same labels for every call; a place behind its end is its last turn."""
        last = len(example.turns) - 1
        places = {name: (min(place, last),) for name, place in self._places.items()}
        return analysis_of(self._labels, places, self._guide)


def _likeliest(known: Counter[Label], near: int) -> Label:
    """Return the label that is right most often; of several the first."""

    def right(label: Label) -> int:
        if label is None or not near:
            return known[label]
        return sum(
            count
            for other, count in known.items()
            if other is not None and abs(int(other) - int(label)) <= near
        )

    return max(sorted(known, key=str), key=right)


def _most_frequent_fault(labels: Sequence[Mapping[str, Label]]) -> dict[str, Label]:
    """Return the fault that occurs most; saying it always is better than saying none by F1."""
    made = Counter(
        name
        for each in labels
        for name, label in each.items()
        if name.startswith(FAULTS) and label == IS_THERE
    )
    return {made.most_common(1)[0][0]: IS_THERE} if made else {}


class Keywords:
    """Answers by the words of a call, weighted by how rare they are.

    A label is the one whose training calls have the most similar words on the mean; the turn that
    shows it is the one most similar to those that showed it in training. The order of words does
    not count.

    Args:
        train: Calls of the training split.
        guide: Of the answers.
    """

    def __init__(self, train: Sequence[Example], guide: AnalysisGuide) -> None:
        self._guide = guide
        self._texts = [_call_text(each) for each in train]
        self._vectors = WordVectors(self._texts)
        rows = [labels_of(each, guide) for each in train]
        self._labels: dict[str, list[Label]] = {}
        self._centres: dict[str, npt.NDArray[np.floating]] = {}
        for name in names_of(guide):
            self._learn(name, [each.get(name) for each in rows], [name in each for each in rows])
        self._shown = self._learnt_turns(train, rows)

    def answer(self, example: Example) -> Analysis:
        """Return the analysis that the words of a call suggest."""
        vector = self._vectors.of([_call_text(example)])
        labels = {
            name: self._labels[name][int(scores(vector, centres)[0].argmax())]
            for name, centres in self._centres.items()
        }
        turns = self._vectors.of([spoken_form(turn.text) for turn in example.turns])
        keys = {name: _key(name, label) for name, label in labels.items() if label is not None}
        found = {
            name: (int(scores(turns, self._shown[key]).argmax()),)
            for name, key in keys.items()
            if key in self._shown
        }
        return analysis_of(labels, found, self._guide)

    def _learn(self, name: str, labels: Sequence[Label], is_known: Sequence[bool]) -> None:
        known = [place for place, each in enumerate(is_known) if each]
        different = sorted({labels[place] for place in known}, key=str)
        if not different:
            return
        has = np.array([[labels[place] == each for each in different] for place in known], bool)
        self._labels[name] = different
        self._centres[name] = self._vectors.centres([self._texts[place] for place in known], has)

    def _learnt_turns(
        self, train: Sequence[Example], rows: Sequence[Mapping[str, Label]]
    ) -> dict[str, npt.NDArray[np.floating]]:
        """Return the mean vector of the turns that showed each label."""
        texts: dict[str, list[str]] = {}
        for example, labels in zip(train, rows, strict=True):
            for name, turns in turns_of(example, self._guide).items():
                shown = texts.setdefault(_key(name, labels[name]), [])
                shown += [spoken_form(example.turns[turn].text) for turn in turns]
        return {
            key: self._vectors.centres(shown, np.ones((len(shown), 1), bool))
            for key, shown in texts.items()
        }


def _key(name: str, label: Label) -> str:
    """Return what turns show: a label, or any score."""
    return name if name in RATINGS else f"{name}={label}"


def _call_text(example: Example) -> str:
    return spoken_form(" ".join(turn.text for turn in example.turns))
