"""Measures of a task: accuracy, precision, recall and F1, with intervals by the bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from training.measuring.bootstrap import Figure, figure_of, resampled_sums, rounded, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    BoolArray = npt.NDArray[np.bool_]
    FloatArray = npt.NDArray[np.float64]


class LabelFigures(msgspec.Struct, frozen=True):
    """One label against all others.

    Attributes:
        label: Its name.
        right: Rows that have the label and were given it.
        given: Rows that were given it.
        has: Rows that have it.
        rows: All rows of the task.
    """

    label: str
    right: int
    given: int
    has: int
    rows: int

    @property
    def precision(self) -> float:
        """Return the share of the given that are right; 0 where it was never given."""
        return self.right / self.given if self.given else 0.0

    @property
    def recall(self) -> float:
        """Return the share of those that have it that were given it."""
        return self.right / self.has if self.has else 0.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return 2 * self.right / (self.given + self.has) if self.given + self.has else 0.0


class TaskFigures(msgspec.Struct, frozen=True):
    """The answers to one task.

    Attributes:
        task: Its name.
        rows: With labels for it.
        accuracy: Share of the rows with all labels right.
        micro_f1: Over all labels together; of a task with one label a row equal to the accuracy.
        macro_f1: Mean over the labels that some row has.
        weighted_f1: Mean over the labels, weighted by the rows that have each.
        macro_precision, macro_recall: Means over the labels that some row has.
        weighted_precision, weighted_recall: Means weighted by the rows that have each label.
        labels: One by one.
    """

    task: str
    rows: int
    accuracy: Figure
    micro_f1: Figure
    macro_f1: Figure
    weighted_f1: Figure
    macro_precision: float
    macro_recall: float
    weighted_precision: float
    weighted_recall: float
    micro_precision: float
    micro_recall: float
    labels: tuple[LabelFigures, ...]

    def label(self, name: str) -> LabelFigures | None:
        """Return the figures of a label."""
        return next((each for each in self.labels if each.label == name), None)


class Answers(NamedTuple):
    """The answers to one task.

    Attributes:
        given: Which labels each row was given, shape (rows, labels).
        has: Which it has.
        groups: Of each row; rows of a group are drawn together by the bootstrap.
    """

    given: BoolArray
    has: BoolArray
    groups: npt.NDArray[np.int64]


class _Counts(NamedTuple):
    """Counts of one sample, or of many: of labels shape (.., labels), of rows (..)."""

    right: FloatArray
    given: FloatArray
    has: FloatArray
    right_rows: FloatArray
    rows: FloatArray


def measure(
    task: str, names: Sequence[str], answers: Answers, *, resamples: int, seed: int = 0
) -> TaskFigures:
    """Return the figures of a task.

    Args:
        task: Its name.
        names: Of its labels.
        answers: At least one row.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    whole, drawn = _counts(answers), _resampled(answers, resamples, seed)
    figure = {
        name: figure_of(score(whole), score(drawn), len(np.unique(answers.groups)))
        for name, score in (
            ("accuracy", _accuracy),
            ("micro_f1", _micro_f1),
            ("macro_f1", _macro_f1),
            ("weighted_f1", _weighted_f1),
        )
    }
    precision, recall = share(whole.right, whole.given), share(whole.right, whole.has)
    occurs, weight = whole.has > 0, whole.has / max(whole.has.sum(), 1.0)
    return TaskFigures(
        task=task,
        rows=len(answers.has),
        **figure,
        macro_precision=rounded(precision[occurs].mean() if occurs.any() else 0.0),
        macro_recall=rounded(recall[occurs].mean() if occurs.any() else 0.0),
        weighted_precision=rounded((precision * weight).sum()),
        weighted_recall=rounded((recall * weight).sum()),
        micro_precision=rounded(share(whole.right.sum(), whole.given.sum())),
        micro_recall=rounded(share(whole.right.sum(), whole.has.sum())),
        labels=tuple(
            LabelFigures(name, int(right), int(given), int(has), len(answers.has))
            for name, right, given, has in zip(
                names, whole.right, whole.given, whole.has, strict=True
            )
        ),
    )


def measure_label(
    answers: Answers, column: int, *, is_recall: bool, resamples: int, seed: int = 0
) -> Figure:
    """Return precision or recall of one label, with its interval."""
    whole, drawn = _counts(answers), _resampled(answers, resamples, seed)

    def score(counts: _Counts) -> FloatArray:
        of = counts.has if is_recall else counts.given
        return share(counts.right[..., column], of[..., column])

    of = answers.has if is_recall else answers.given
    return figure_of(score(whole), score(drawn), len(np.unique(answers.groups[of[:, column]])))


def mean_accuracy(answers: Sequence[Answers], *, resamples: int, seed: int = 0) -> Figure:
    """Return the mean accuracy of several tasks, with its interval."""
    whole = np.mean([_accuracy(_counts(each)) for each in answers], axis=0)
    drawn = np.mean([_accuracy(_resampled(each, resamples, seed)) for each in answers], axis=0)
    return figure_of(whole, drawn, min(len(np.unique(each.groups)) for each in answers))


def _counts(answers: Answers) -> _Counts:
    right = answers.given & answers.has
    return _Counts(
        right.sum(axis=0).astype(float),
        answers.given.sum(axis=0).astype(float),
        answers.has.sum(axis=0).astype(float),
        np.asarray((answers.given == answers.has).all(axis=1).sum(), float),
        np.asarray(len(answers.has), float),
    )


def _resampled(answers: Answers, resamples: int, seed: int) -> _Counts:
    """Return the counts of samples of groups drawn with replacement."""
    columns = np.concatenate(
        (
            answers.given & answers.has,
            answers.given,
            answers.has,
            (answers.given == answers.has).all(axis=1, keepdims=True),
            np.ones((len(answers.has), 1), bool),
        ),
        axis=1,
    )
    found = resampled_sums(columns, answers.groups, resamples, seed)
    width = answers.has.shape[1]
    right, given, has = (found[:, n * width : (n + 1) * width] for n in range(3))
    return _Counts(right, given, has, found[:, -2], found[:, -1])


def _accuracy(counts: _Counts) -> FloatArray:
    return share(counts.right_rows, counts.rows)


def _micro_f1(counts: _Counts) -> FloatArray:
    total = counts.given.sum(axis=-1) + counts.has.sum(axis=-1)
    return share(2 * counts.right.sum(axis=-1), total)


def _macro_f1(counts: _Counts) -> FloatArray:
    occurs = counts.has > 0
    f1 = share(2 * counts.right, counts.given + counts.has)
    return share((f1 * occurs).sum(axis=-1), occurs.sum(axis=-1))


def _weighted_f1(counts: _Counts) -> FloatArray:
    f1 = share(2 * counts.right, counts.given + counts.has)
    return share((f1 * counts.has).sum(axis=-1), counts.has.sum(axis=-1))
