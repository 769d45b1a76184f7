"""The answers that logits of whole calls become."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.classification.decoding import Decided, decide, probabilities_of
from training.classification.evaluation.measures import Answers
from training.classification.learning.losses import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from models.classification.decoding import TaskColumns
    from models.classification.label_set import LabelSet, Task
    from models.classification.rules import Raised
    from training.classification.evaluation.calibration import Calibration

    FloatArray = npt.NDArray[np.floating]
    BoolArray = npt.NDArray[np.bool_]


class TaskAnswers(NamedTuple):
    """What calls were answered for one task.

    Attributes:
        rows: Which of the calls have labels for the task.
        answers: Of these calls: what was given, and what they have.
        probabilities: Of each label, shape (rows, labels).
        is_multi: Whether each label is an answer of its own.
    """

    rows: npt.NDArray[np.int64]
    answers: Answers
    probabilities: FloatArray
    is_multi: bool

    def certainty(self) -> tuple[FloatArray, BoolArray]:
        """Return the confidence of each answer, and whether it is right.

        A row is one answer; of a ``multi`` task each label of a row is one: that it holds or not.
        """
        given, has = self.answers.given, self.answers.has
        if self.is_multi:
            given_probability = np.where(given, self.probabilities, 1.0 - self.probabilities)
            return given_probability.ravel(), (given == has).ravel()
        rows = np.arange(len(given))
        return self.probabilities[rows, given.argmax(axis=1)], (given == has).all(axis=1)


def answer(
    logits: FloatArray,
    labels: FloatArray,
    tasks: Sequence[TaskColumns],
    calibration: Calibration,
    label_set: LabelSet,
) -> dict[str, TaskAnswers]:
    """Return the answers to every task that some call has labels for.

    A task and its parent are decided together, so that they never contradict.

    Args:
        logits: Of whole calls, shape (calls, labels).
        labels: Of them, as `training.classification.learning.losses` has them.
        tasks: The columns of each.
        calibration: Temperatures, and from which probabilities labels are given.
        label_set: Of the tasks.
    """
    decided = decide(
        probabilities_of(logits, tasks, calibration.temperatures),
        label_set,
        calibration.given_from,
    )
    found = {}
    for task in tasks:
        wanted = labels[:, task.start : task.stop]
        rows = np.flatnonzero(wanted[:, 0] != ABSENT)
        if len(rows):
            found[task.name] = _task_answers(
                rows, decided, wanted[rows] == 1, label_set.task(task.name)
            )
    return found


def _task_answers(
    rows: npt.NDArray[np.int64], decided: Decided, has: BoolArray, task: Task
) -> TaskAnswers:
    probabilities = decided.probabilities[task.name][rows]
    if task.mode == "multi":
        thresholds = [task.thresholds.get(name, task.threshold) for name in task.names]
        given = probabilities >= np.array(thresholds)
    else:
        given = np.zeros(has.shape, bool)
        given[np.arange(len(rows)), decided.best[task.name][rows]] = True
        has = _one_of_several(given, has)
    answers = Answers(given, has, np.arange(len(rows)))
    return TaskAnswers(rows, answers, probabilities, task.mode == "multi")


def with_rules(
    found: Mapping[str, TaskAnswers], raised: Sequence[Mapping[str, Raised]]
) -> dict[str, TaskAnswers]:
    """Return the answers as calls get them: raised where the rules of the label set say so.

    Args:
        found: Answers of the model alone.
        raised: Of each call, by task.
    """
    return {name: _raised(name, task, raised) for name, task in found.items()}


def _raised(name: str, task: TaskAnswers, raised: Sequence[Mapping[str, Raised]]) -> TaskAnswers:
    least = np.array([raised[row][name].label if name in raised[row] else -1 for row in task.rows])
    answers = task.answers
    lifted = least > answers.given.argmax(axis=1)
    if task.is_multi or not lifted.any():
        return task
    given = answers.given.copy()
    given[lifted] = False
    given[lifted, least[lifted]] = True
    return task._replace(answers=answers._replace(given=given))


def _one_of_several(given: BoolArray, has: BoolArray) -> BoolArray:
    """Return one label a row: the given one where the row has it, else its first."""
    first = np.zeros_like(has)
    first[np.arange(len(has)), has.argmax(axis=1)] = True
    is_right = (given & has).any(axis=1, keepdims=True)
    return np.where(is_right, given & has, first)
