"""Labels as input spells them, as the label set names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet, Task


def named_labels(
    label_set: LabelSet, given: Mapping[str, str | Sequence[str]], where: str
) -> dict[str, tuple[str, ...]]:
    """Return labels by task, with those of parent tasks that follow from them.

    Args:
        label_set: Whose spellings count.
        given: One label or several by task, in any spelling. An empty text is none; an empty list
            says of a task with several labels that none of them holds.
        where: They stand, for errors.

    Raises:
        MissingDataError: A label or task is not of the label set, a task with one label has
            several, or a label contradicts its parent.
    """
    found: dict[str, tuple[str, ...]] = {}
    for task in label_set.tasks:
        value = given.get(task.name, ())
        texts = (value,) if isinstance(value, str) else value
        names = [_name(task, text, where) for text in texts if text]
        if len(names) > 1 and task.mode == "single":
            raise MissingDataError(f"{where}: {task.name!r} has one label, not {len(names)}")
        holds_none = task.name in given and task.mode == "multi" and not isinstance(value, str)
        if names or (holds_none and not value):
            found[task.name] = tuple(dict.fromkeys(names))
    tasks = [task.name for task in label_set.tasks]
    unknown = sorted(given.keys() - set(tasks))
    if unknown:
        message = f"{where}: the tasks are {', '.join(tasks)}, without {', '.join(unknown)}"
        raise MissingDataError(message)
    return _with_parents(label_set, found, where)


def _name(task: Task, text: str, where: str) -> str:
    name = task.label_of(text)
    if name is None:
        message = f"{where}: {text!r} is no label of {task.name!r}; labels: {', '.join(task.names)}"
        raise MissingDataError(message)
    return name


def _with_parents(
    label_set: LabelSet, found: dict[str, tuple[str, ...]], where: str
) -> dict[str, tuple[str, ...]]:
    complete = dict(found)
    for task in label_set.tasks:
        if not task.parent or task.name not in found:
            continue
        label = found[task.name][0]
        parent = next(each.parent for each in task.labels if each.name == label)
        if complete.setdefault(task.parent, (parent,)) != (parent,):
            message = (
                f"{where}: {label!r} belongs to {parent!r}, not to {complete[task.parent][0]!r}"
            )
            raise MissingDataError(message)
    return {task.name: complete[task.name] for task in label_set.tasks if task.name in complete}
