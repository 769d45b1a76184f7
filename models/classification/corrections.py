"""Corrections of labels: the latest of each call and task, and the labels that follow from them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.classification.label_set import LabelSet, Task
    from schemas.classification import LabelCorrected


class Corrected(NamedTuple):
    """What a person said last of one task of a call.

    Attributes:
        place: Of the correction among all; a later one is higher.
        labels: As the label set names them; empty where none holds.
        said: What the model had said; empty where unknown.
        at_ns: Wall clock (Unix, ns) of the correction.
    """

    place: int
    labels: tuple[str, ...]
    said: tuple[str, ...]
    at_ns: int


class Corrections(NamedTuple):
    """The corrections that hold.

    Attributes:
        calls: By call and task.
        unusable: Corrections by why they are not among them.
    """

    calls: dict[str, dict[str, Corrected]]
    unusable: dict[str, int]


def latest_corrections(messages: Iterable[LabelCorrected], label_set: LabelSet) -> Corrections:
    """Return what holds: of each call and task the latest correction.

    Where the latest label of a task contradicts that of its parent task, the later one of the two
    holds.

    Args:
        messages: Those of one call in the order in which they were written.
        label_set: Others are left out without being counted.
    """
    calls: dict[str, dict[str, Corrected]] = {}
    unusable: Counter[str] = Counter()
    tasks = {task.name: task for task in label_set.tasks}
    for place, message in enumerate(messages):
        if message.label_set not in {label_set.name, label_set.versioned_name}:
            continue
        task = tasks.get(message.task)
        labels = None if task is None else _labels(task, message.labels)
        if labels is None:
            unusable["unknown task or label"] += 1
            continue
        said = tuple(message.corrected)
        corrected = Corrected(place, labels, said, message.captured_at_ns)
        calls.setdefault(message.call_id, {})[message.task] = corrected
    for by_task in calls.values():
        unusable["contradicted by a later one"] += _drop_contradictions(by_task, label_set)
    return Corrections(calls, {why: count for why, count in unusable.items() if count})


def _labels(task: Task, texts: Iterable[str]) -> tuple[str, ...] | None:
    """Return the labels' names; None where one is unknown or a single label is several."""
    found = [task.label_of(text) for text in texts]
    names = tuple(dict.fromkeys(name for name in found if name is not None))
    if None in found or (task.mode == "single" and len(names) > 1):
        return None
    return names


def _drop_contradictions(by_task: dict[str, Corrected], label_set: LabelSet) -> int:
    """Drop the earlier one of a label and a parent that it does not belong to; return how many."""
    dropped = 0
    for task in label_set.tasks:
        child, parent = by_task.get(task.name), by_task.get(task.parent)
        if child is None or parent is None or not child.labels:
            continue
        if (parent_label(task, child.labels[0]),) != parent.labels:
            del by_task[task.name if child.place < parent.place else task.parent]
            dropped += 1
    return dropped


def parent_label(task: Task, name: str) -> str:
    """Return the label of the parent task that a label belongs to."""
    return next(label.parent for label in task.labels if label.name == name)


def labels_of(
    corrected: Mapping[str, Corrected], label_set: LabelSet
) -> dict[str, tuple[str, ...]]:
    """Return the labels of a call by task, with those of parent tasks that follow from them.

    Of a task with several labels it is known too that none holds.
    """
    found = {
        name: each.labels
        for name, each in corrected.items()
        if each.labels or label_set.task(name).mode == "multi"
    }
    for task in label_set.tasks:
        if task.parent and task.name in found:
            found.setdefault(task.parent, (parent_label(task, found[task.name][0]),))
    return {task.name: found[task.name] for task in label_set.tasks if task.name in found}
