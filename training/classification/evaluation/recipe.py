"""The table ``[evaluation]`` of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from models.classification.readings import LONGEST, Reading, wrong_readings

if TYPE_CHECKING:
    from models.classification.label_set import LabelSet

LEAST_RESAMPLES = 100  # fewer give no interval of 95 %
Measure = Literal["precision", "recall"]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of one label that is a target of its own.

    Attributes:
        task: Of the label set.
        label: Of the task.
        measure: Of this label against all others.
        least: Recall that is to be reached on the validation set, of a label of a ranked task: the
            label is given from a lower probability then, which costs precision. 0 asks for none.
    """

    task: str
    label: str
    measure: Measure
    least: float = 0.0

    @property
    def name(self) -> str:
        """Return its name in reports."""
        return f"{self.measure} of {self.label} ({self.task})"


class EvaluationRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured, and on which windows.

    Attributes:
        targets: Figures of single labels, beside those of every task.
        overlap_tokens: That two windows of a long call share.
        readings: In which a call is read beside that in windows of the length that was trained.
        batch: Windows of one run.
        resamples: Of the bootstrap that gives the intervals.
        confident_accuracy: Accuracy that answers above the threshold for abstention should have.
    """

    targets: tuple[Target, ...] = ()
    overlap_tokens: int = 32
    readings: tuple[Reading, ...] = ()
    batch: int = 32
    resamples: int = 1000
    confident_accuracy: float = 0.9

    @property
    def wanted(self) -> dict[str, dict[str, float]]:
        """Return the recall that is to be reached, by task and label."""
        found: dict[str, dict[str, float]] = {}
        for target in self.targets:
            if target.least:
                found.setdefault(target.task, {})[target.label] = target.least
        return found


def wrong_evaluation(
    recipe: EvaluationRecipe, label_set: LabelSet, max_tokens: int = LONGEST
) -> list[str]:
    """Return what is wrong with the table, by setting.

    Args:
        recipe: The table.
        label_set: Of the rows.
        max_tokens: Longest window of the model.
    """
    names = {task.name: task.names for task in label_set.tasks}
    wrong = [
        f"evaluation.targets: the label set has no {target.label!r} of {target.task!r}"
        for target in recipe.targets
        if target.label not in names.get(target.task, ())
    ]
    wrong += [
        f"evaluation.targets: {target.name} cannot be wished for; the recall of a label of a "
        "ranked task without a parent can, between 0 and 1"
        for target in recipe.targets
        if target.least and not _can_be_wished(target, label_set)
    ]
    wrong += [
        f"evaluation.readings, {complaint}"
        for complaint in wrong_readings(recipe.readings, names, max_tokens)
    ]
    if recipe.batch < 1:
        wrong.append("evaluation.batch must be 1 or more")
    if recipe.resamples < LEAST_RESAMPLES:
        wrong.append(f"evaluation.resamples must be {LEAST_RESAMPLES} or more")
    if recipe.overlap_tokens < 0:
        wrong.append("evaluation.overlap_tokens must be 0 or more")
    if not 0 < recipe.confident_accuracy < 1:
        wrong.append("evaluation.confident_accuracy lies between 0 and 1")
    return wrong


def _can_be_wished(target: Target, label_set: LabelSet) -> bool:
    is_lone = target.task in label_set.lone_ranks
    return target.measure == "recall" and is_lone and 0 < target.least < 1
