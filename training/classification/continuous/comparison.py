"""What champion and candidate reach on the same rows, also where their label sets differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.classification.evaluation.evaluator import VALIDATION, evaluate
from training.measuring.decision import AVERAGE, Measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet, Task
    from training.classification.corpus.rows import Row
    from training.classification.evaluation.calibration import Calibration
    from training.classification.evaluation.measured import ModelToMeasure
    from training.classification.evaluation.recipe import EvaluationRecipe

_PREFIX = "eval"


def measure_model(
    model: ModelToMeasure,
    calibration: Calibration | None,
    splits: Mapping[str, Sequence[Row]],
    label_set: LabelSet,
    recipe: EvaluationRecipe,
) -> Measured:
    """Return what a model reaches on rows of a label set.

    A label that the model does not have, by none of its spellings, is a wrong answer. The mean
    over the tasks is over those of the label set.

    Args:
        model: In the form that serves.
        calibration: Of the model.
        splits: ``validation`` and test sets.
        label_set: Of the rows, and of the session.
        recipe: What is measured.
    """
    own = {
        name: [_translated(row, label_set, model.label_set) for row in rows]
        for name, rows in splits.items()
    }
    names = {task.name: task.names for task in model.label_set.tasks}
    targets = tuple(
        target for target in recipe.targets if target.label in names.get(target.task, ())
    )
    readings = tuple(each for each in recipe.readings if set(each.tasks) <= names.keys())
    fitting = msgspec.structs.replace(recipe, targets=targets, readings=readings)
    found = evaluate(model, calibration, own, fitting)
    metrics = dict(found.metrics)
    for name, rows in splits.items():
        prefix = _PREFIX if name == VALIDATION else name
        metrics |= _accuracies(prefix, rows, own[name], metrics)
    first = found.splits.get(VALIDATION)
    figures = {} if first is None else first.targets
    return Measured(metrics, {name: figure.value for name, figure in figures.items()})


def _accuracies(
    prefix: str, rows: Sequence[Row], own: Sequence[Row], metrics: Mapping[str, float]
) -> dict[str, float]:
    """Return the accuracy of each task over all rows that have a label for it, and their mean."""
    found: dict[str, float] = {}
    for task in dict.fromkeys(task for row in rows for task in row.labels):
        labelled = sum(task in row.labels for row in rows)
        known = sum(task in row.labels for row in own)
        name = f"{prefix}_{task}_acc"
        if labelled:
            found[name] = round(metrics.get(name, 0.0) * known / labelled, 5)
    if found:
        found[f"{prefix}{AVERAGE.removeprefix(_PREFIX)}"] = round(
            sum(found.values()) / len(found), 5
        )
    return found


def _translated(row: Row, label_set: LabelSet, other: LabelSet) -> Row:
    """Return a row with the labels as another label set names them; others are left out."""
    if label_set.tasks == other.tasks:
        return row
    tasks = {task.name: task for task in other.tasks}
    labels = {}
    for name, held in row.labels.items():
        if name in tasks:
            named = [_named(each, label_set.task(name), tasks[name]) for each in held]
            if all(named):
                labels[name] = tuple(named)
    return msgspec.structs.replace(row, labels=labels)


def _named(label: str, task: Task, other: Task) -> str:
    """Return what another label set calls a label; empty where it has none of its spellings."""
    spellings = next(each.spellings for each in task.labels if each.name == label)
    names = (other.label_of(spelling) for spelling in (label, *spellings))
    return next((name for name in names if name), "")
