"""The accuracy of each task, and their mean: what epochs and versions are compared by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classification.learning.losses import ABSENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.classification.decoding import TaskColumns

    FloatArray = npt.NDArray[np.float32]

AVERAGE = "avg_acc"


def right_answers(
    logits: FloatArray, labels: FloatArray, task: TaskColumns
) -> npt.NDArray[np.bool_]:
    """Return for each row with labels for a task whether the answer is right.

    The likeliest label of a ``single`` task has to be one of the row's; of a ``multi`` task every
    label has to be right, at a probability of one half.

    Args:
        logits: Of all tasks, shape (rows, labels).
        labels: Likewise, as `training.classification.learning.losses` takes them.
        task: One task.
    """
    wanted = labels[:, task.start : task.stop]
    has_labels = wanted[:, 0] != ABSENT
    given, wanted = logits[has_labels, task.start : task.stop], wanted[has_labels]
    if task.mode == "multi":
        return np.asarray(((given >= 0) == (wanted == 1)).all(axis=1))
    return np.asarray(wanted[np.arange(len(given)), given.argmax(axis=1)] == 1)


def accuracies(
    logits: FloatArray, labels: FloatArray, tasks: Sequence[TaskColumns]
) -> dict[str, float]:
    """Return ``<task>_acc`` of each task that has labels, and their mean ``avg_acc``."""
    found = {}
    for task in tasks:
        right = right_answers(logits, labels, task)
        if len(right):
            found[f"{task.name}_acc"] = float(right.mean())
    found[AVERAGE] = sum(found.values()) / len(found) if found else 0.0
    return found
