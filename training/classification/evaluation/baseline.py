"""What keywords alone reach: words of the label set, and words of the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.text.spoken_form import spoken_form
from training.classification.learning.losses import ABSENT
from training.measuring.keywords import MIN_TEXTS, WordVectors, scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.classification.decoding import TaskColumns
    from models.classification.label_set import LabelSet, Task

    FloatArray = npt.NDArray[np.float32]

KINDS = DEFINITIONS, TRAINING_WORDS = "definitions", "training words"


class KeywordBaseline:
    """Answers by the words of a call alone, weighted by how rare they are.

    ``definitions`` compares a call with the names, spellings and definitions of the labels;
    ``training words`` with the mean of the training rows of each label. Both take the label of the
    highest cosine; neither knows the order of words.

    Args:
        texts: Of the training rows, in spoken form.
        labels: Of them, as `training.classification.learning.losses` has them.
        tasks: The columns of each.
        label_set: With the definitions.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: FloatArray,
        tasks: Sequence[TaskColumns],
        label_set: LabelSet,
    ) -> None:
        self._tasks = {task.name: task for task in tasks}
        definitions = [_description(task) for task in label_set.tasks]
        self._vectors = WordVectors(
            [*texts, *(text for texts in definitions for text in [*texts] * MIN_TEXTS)]
        )
        self._centres = {
            DEFINITIONS: {
                task.name: self._vectors.of(described)
                for task, described in zip(label_set.tasks, definitions, strict=True)
            },
            TRAINING_WORDS: {
                task.name: self._vectors.centres(texts, labels[:, task.start : task.stop] == 1)
                for task in tasks
            },
        }

    def accuracy(self, kind: str, texts: Sequence[str], labels: FloatArray) -> dict[str, float]:
        """Return the accuracy of each task that has labels.

        Args:
            kind: ``definitions`` or ``training words``.
            texts: In spoken form.
            labels: Of them.
        """
        vectors, found = self._vectors.of(texts), {}
        for name, task in self._tasks.items():
            wanted = labels[:, task.start : task.stop]
            rows = np.flatnonzero(wanted[:, 0] != ABSENT)
            if task.mode == "single" and len(rows):
                best = scores(vectors[rows], self._centres[kind][name]).argmax(axis=1)
                found[name] = round(float((wanted[rows, best] == 1).mean()), 5)
        return found


def _description(task: Task) -> list[str]:
    return [
        spoken_form(" ".join((label.name, *label.spellings, label.definition)))
        for label in task.labels
    ]
