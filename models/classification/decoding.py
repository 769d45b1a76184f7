"""From the logits of windows to the labels of calls: pure functions of arrays.

The live path and the evaluation of trained models answer with them, so that what is measured is
what calls get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet
    from models.classification.manifest import Aggregation
    from models.classification.readings import Reading

FloatArray = npt.NDArray[np.floating]


class TaskColumns(NamedTuple):
    """Where the labels of a task stand among the logits.

    Attributes:
        name: Of the task.
        mode: ``single``: one label a row. ``multi``: each label holds or not.
        start: First column.
        stop: Behind the last column.
    """

    name: str
    mode: Literal["single", "multi"]
    start: int
    stop: int

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return the probabilities of the task's labels, of its own logits alone."""
        if self.mode == "multi":
            return np.asarray(1.0 / (1.0 + np.exp(-logits)))
        raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


class ReadLogits(NamedTuple):
    """What the model says of a call by one reading.

    Attributes:
        reading: How the call was read.
        logits: Of its windows, shape (windows, labels).
    """

    reading: Reading
    logits: FloatArray


def columns_of(label_set: LabelSet) -> tuple[TaskColumns, ...]:
    """Return where the labels of each task of a label set stand among the logits."""
    columns, start = [], 0
    for task in label_set.tasks:
        columns.append(TaskColumns(task.name, task.mode, start, start + len(task.labels)))
        start += len(task.labels)
    return tuple(columns)


def aggregated(
    calls: Sequence[Sequence[ReadLogits]], tasks: Sequence[TaskColumns], how: Aggregation
) -> FloatArray:
    """Return one row of logits for each call, shape (calls, labels).

    The windows of a reading become one row; those of several readings are averaged, by task, with
    the weights of the readings that count for it.

    Args:
        calls: The readings of each, the first of which counts for all tasks.
        tasks: The columns of each.
        how: ``mean`` or ``max`` of the logits of windows, or ``weighted``: by task, the mean with
            the highest probability of each window as its weight.
    """
    if not calls:
        return np.zeros((0, tasks[-1].stop))
    return np.stack([_of_call(each, tasks, how) for each in calls])


def _of_call(
    call: Sequence[ReadLogits], tasks: Sequence[TaskColumns], how: Aggregation
) -> FloatArray:
    rows = [_of_reading(each.logits, tasks, how) for each in call]
    if len(rows) == 1:
        return rows[0]
    found = np.empty(len(rows[0]))
    for task in tasks:
        weights = [each.reading.weight * each.reading.counts_for(task.name) for each in call]
        own = np.stack([row[task.start : task.stop] for row in rows])
        found[task.start : task.stop] = np.average(own, axis=0, weights=weights)
    return found


def _of_reading(windows: FloatArray, tasks: Sequence[TaskColumns], how: Aggregation) -> FloatArray:
    if len(windows) == 1:
        return np.asarray(windows[0])
    if how == "mean":
        return np.asarray(windows.mean(axis=0))
    if how == "max":
        return np.asarray(windows.max(axis=0))
    found = np.empty(windows.shape[1])
    for task in tasks:
        own = windows[:, task.start : task.stop]
        weight = task.probabilities(own).max(axis=1, keepdims=True)
        found[task.start : task.stop] = (own * weight).sum(axis=0) / weight.sum()
    return found


def probabilities_of(
    logits: FloatArray, tasks: Sequence[TaskColumns], temperatures: Mapping[str, float]
) -> dict[str, FloatArray]:
    """Return the probabilities of each task alone, each of shape (calls, labels).

    Args:
        logits: Of whole calls, shape (calls, labels).
        tasks: The columns of each.
        temperatures: By which the logits of a task are divided; 1 where it has none.
    """
    wide = logits.astype(np.float64)
    return {
        task.name: task.probabilities(
            wide[:, task.start : task.stop] / temperatures.get(task.name, 1.0)
        )
        for task in tasks
    }


class Decided(NamedTuple):
    """Answers to all tasks, by name.

    Attributes:
        probabilities: Of the labels, shape (calls, labels).
        best: Index of the label given to each call, of tasks with one label a call.
    """

    probabilities: dict[str, FloatArray]
    best: dict[str, npt.NDArray[np.int64]]


def decide(
    probabilities: Mapping[str, FloatArray],
    label_set: LabelSet,
    given_from: Mapping[str, Mapping[str, float]],
) -> Decided:
    """Return the answers to all tasks; those of a task and its parent are a pair.

    The joint probability of a label and its parent's label is the product of the two, 0 for pairs
    that do not belong together, scaled to a sum of 1. The parent's is the sum over its labels; the
    pair with the highest one is given.

    Args:
        probabilities: Of each task alone, shape (calls, labels).
        label_set: Of the tasks.
        given_from: Of labels of ranked tasks, the probability of the label or a higher one from
            which a call gets at least this label, even if a lower one is likelier.
    """
    decided = dict(probabilities)
    best = {
        task.name: decided[task.name].argmax(axis=1)
        for task in label_set.tasks
        if task.mode == "single"
    }
    for name, labels in given_from.items():
        names = label_set.task(name).names
        for label, least in labels.items():
            rank = names.index(label)
            is_given = rank_probability(decided[name], rank) >= least
            best[name] = np.where(is_given, np.maximum(best[name], rank), best[name])
    for task in label_set.tasks:
        if not task.parent:
            continue
        parents = np.array(label_set.parents(task))
        joint = _joint(probabilities[task.name], probabilities[task.parent][:, parents])
        above = np.zeros_like(probabilities[task.parent])
        np.add.at(above.T, parents, joint.T)
        decided[task.name], decided[task.parent] = joint, above
        best[task.name] = joint.argmax(axis=1)
        best[task.parent] = parents[best[task.name]]
    return Decided(decided, best)


def rank_probability(probabilities: FloatArray, rank: int) -> FloatArray:
    """Return the probability of each call that a label of a ranked task or a higher one holds."""
    return np.asarray(probabilities[:, rank:].sum(axis=1))


def _joint(own: FloatArray, above: FloatArray) -> FloatArray:
    """Return the products of two arrays of probabilities, each row scaled to a sum of 1.

    Products are sums of logarithms here: two tasks that are certain of labels which do not belong
    together have products that are all too small for a float.
    """
    tiny = np.finfo(float).tiny
    logs = np.log(np.maximum(own, tiny)) + np.log(np.maximum(above, tiny))
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
