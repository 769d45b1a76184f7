"""Labels that calls were given by an earlier version of a label set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.classification.corrections import parent_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet


def present_labels(
    labels: Mapping[str, Sequence[str]], label_set: LabelSet
) -> dict[str, tuple[str, ...]]:
    """Return the labels of a call as a label set names them now.

    What the label set has no more is left out: a task, or a label and with it the other labels of
    its task. A label that belongs to another one by now says what the call is in the parent task.

    Args:
        labels: By task, as an earlier version of the label set named them.
        label_set: That knows earlier names as spellings.
    """
    found: dict[str, tuple[str, ...]] = {}
    for task in label_set.tasks:
        texts = labels.get(task.name)
        if texts is None:
            continue
        names = [task.label_of(text) for text in texts]
        known = tuple(dict.fromkeys(name for name in names if name is not None))
        if None not in names and (task.mode == "multi" or len(known) == 1):
            found[task.name] = known
    for task in label_set.tasks:
        if task.parent and task.name in found:
            found[task.parent] = (parent_label(task, found[task.name][0]),)
    return {task.name: found[task.name] for task in label_set.tasks if task.name in found}


def are_all_present(labels: Mapping[str, Sequence[str]], label_set: LabelSet) -> bool:
    """Return whether a label set still has every label of a call, by whatever name."""
    return labels.keys() <= present_labels(labels, label_set).keys()
