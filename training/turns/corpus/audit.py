"""The leakage audit of a set: repeats across splits, and what predicts a label by itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from training.text.near_duplicates import most_similar
from training.turns.corpus.examples import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from training.turns.corpus.examples import Example

NEAR_DUPLICATE = 0.8  # Jaccard similarity of the sets of five characters
_RUN_WORDS = 8


class Repeats(msgspec.Struct, frozen=True):
    """Repeats of the train split in a later split.

    Attributes:
        conversations: In both.
        same_text: Share of the texts that are also a text of the train split.
        shared_run: Share of the texts of eight words or more with eight in a row that the train
            split holds too.
        near_duplicates: Share of the texts that share four fifths of their runs of five
            characters with one text of the train split.
    """

    conversations: int
    same_text: float
    shared_run: float
    near_duplicates: float


class Baselines(msgspec.Struct, frozen=True):
    """Accuracies on the test split of rules with a single feature.

    Attributes:
        majority: The more frequent label of the train split.
        last_character: Of the text as the recognizer writes it.
        last_written_character: Of the text with its punctuation: the leak of such data.
        length: Words and characters, by logistic regression.
        last_word: By its majority in the train split.
        last_two_words: Likewise, with the last word where the two are unknown.
        source: By its majority in the train split.
    """

    majority: float
    last_character: float
    last_written_character: float
    length: float
    last_word: float
    last_two_words: float
    source: float


class Audit(msgspec.Struct, frozen=True):
    """The leakage checks of a set.

    Attributes:
        validation: Repeats of the train split in the validation split.
        test: And in the test split.
        two_labels: By split, texts that occur both as complete and as incomplete.
        baselines: On the test split.
    """

    validation: Repeats
    test: Repeats
    two_labels: dict[Split, int]
    baselines: Baselines


def audit_set(examples: Mapping[Split, Sequence[Example]]) -> Audit:
    """Return the leakage checks of a set by its splits."""
    train, test = examples["train"], examples["test"]
    return Audit(
        validation=_repeats(train, examples["validation"]),
        test=_repeats(train, test),
        two_labels={split: _two_labels(part) for split, part in examples.items()},
        baselines=measure_baselines(train, test),
    )


def measure_baselines(train: Sequence[Example], test: Sequence[Example]) -> Baselines:
    """Return the accuracy of each rule on ``test``, fitted on ``train``."""

    def by(feature: Callable[[Example], Hashable], *more: Callable[[Example], Hashable]) -> float:
        return _lookup_accuracy(train, test, (feature, *more, _nothing))

    return Baselines(
        majority=by(_nothing),
        last_character=by(lambda example: example.text[-1:]),
        last_written_character=by(lambda example: example.written[-1:]),
        length=_length_accuracy(train, test),
        last_word=by(_last_words(1)),
        last_two_words=by(_last_words(2), _last_words(1)),
        source=by(lambda example: example.source),
    )


def _nothing(_: Example) -> None:
    """Return the same feature for all examples, so that a rule falls back to the majority."""


def _last_words(count: int) -> Callable[[Example], Hashable]:
    return lambda example: tuple(example.text.split()[-count:])


def _lookup_accuracy(
    train: Sequence[Example],
    test: Sequence[Example],
    features: Sequence[Callable[[Example], Hashable]],
) -> float:
    """Return the accuracy of the majority label of the first feature that was seen before."""
    tables: list[dict[Hashable, Counter[bool]]] = []
    for feature in features:
        table: dict[Hashable, Counter[bool]] = defaultdict(Counter)
        for example in train:
            table[feature(example)][example.is_complete] += 1
        tables.append(table)

    def judged(example: Example) -> bool:
        for feature, table in zip(features, tables, strict=True):
            seen = table.get(feature(example))
            if seen and seen[True] != seen[False]:
                return seen[True] > seen[False]
        return True

    return _share(judged(example) == example.is_complete for example in test)


def _length_accuracy(train: Sequence[Example], test: Sequence[Example]) -> float:
    labels = np.array([example.is_complete for example in train])
    if not test or len(np.unique(labels)) < 2:  # noqa: PLR2004  two labels
        return _share(example.is_complete == labels[0] for example in test)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(_lengths(train), labels)
    truth = np.array([example.is_complete for example in test])
    return round(float(np.mean(model.predict(_lengths(test)) == truth)), 4)


def _lengths(examples: Sequence[Example]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return words, their logarithm and the mean letters of each text, shape (n, 3)."""
    words = np.array([max(1, len(example.text.split())) for example in examples], np.float64)
    letters = np.array([len(example.text) for example in examples], np.float64)
    return np.stack([words, np.log(words), letters / words], axis=1)


def resembles_train(train: Sequence[Example], later: Sequence[Example]) -> list[bool]:
    """Return for each example of a later split whether it resembles the train split.

    That is eight words in a row, or nearly the whole text.
    """
    runs = {run for example in train for run in _runs(example.text)}
    return [
        similarity >= NEAR_DUPLICATE or any(run in runs for run in _runs(example.text))
        for example, similarity in zip(later, _similarities(train, later), strict=True)
    ]


def _repeats(train: Sequence[Example], later: Sequence[Example]) -> Repeats:
    texts = {example.text for example in train}
    runs = {run for example in train for run in _runs(example.text)}
    long_ones = [found for example in later if (found := list(_runs(example.text)))]
    similar = _similarities(train, later)
    return Repeats(
        conversations=len(
            {example.conversation for example in train}
            & {example.conversation for example in later}
        ),
        same_text=_share(example.text in texts for example in later),
        shared_run=_share(any(run in runs for run in found) for found in long_ones),
        near_duplicates=_share(similarity >= NEAR_DUPLICATE for similarity in similar),
    )


def _similarities(train: Sequence[Example], later: Sequence[Example]) -> list[float]:
    return most_similar(
        [example.text for example in later], sorted({example.text for example in train})
    )


def _runs(text: str) -> Iterable[str]:
    words = text.split()
    for start in range(len(words) - _RUN_WORDS + 1):
        yield " ".join(words[start : start + _RUN_WORDS])


def _two_labels(examples: Iterable[Example]) -> int:
    labels: dict[str, set[bool]] = defaultdict(set)
    for example in examples:
        labels[example.text].add(example.is_complete)
    return sum(len(both) == 2 for both in labels.values())  # noqa: PLR2004  two labels


def _share(claims: Iterable[bool]) -> float:
    """Return the share of true claims; 0 where there are none."""
    held = [bool(claim) for claim in claims]
    return round(sum(held) / len(held), 4) if held else 0.0
