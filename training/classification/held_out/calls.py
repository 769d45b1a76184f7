"""Helpline calls that were written by hand, with labels: only ever tested on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.classification.label_set import load_label_set
from schemas.classification import Abstention
from schemas.errors import ConfigurationError
from training.classification.corpus.marked_turns import marked_turns
from training.classification.corpus.rows import RowTurn
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from models.classification.label_set import LabelSet

PATH = Path(__file__).parent / "helpline_calls.toml"
LABEL_SET = "helpline"


class HeldOutCall(msgspec.Struct, frozen=True):
    """A call with the labels that its author gave it.

    Attributes:
        id: Unique in the file.
        turns: In their order.
        labels: By task, names as the label set gives them; empty where `abstained` is set.
        abstained: Why a model should give no labels.
    """

    id: str
    turns: tuple[RowTurn, ...]
    labels: dict[str, str]
    abstained: Abstention = ""


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call as the file has it: labels in the order of the label set's tasks."""

    id: str
    text: str
    labels: tuple[str, ...] = ()
    abstained: Abstention = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    calls: tuple[_Written, ...]


def read_held_out(path: Path = PATH) -> tuple[HeldOutCall, ...]:
    """Return the calls, in the order of the file.

    Args:
        path: Of the file; the one beside this module unless given.

    Raises:
        MissingDataError: It is not there, of another form, or contradicts the label set.
    """
    label_set = load_label_set(LABEL_SET)
    try:
        written = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).calls
        return tuple(_call(each, label_set) for each in written)
    except OSError as error:
        raise MissingDataError(f"no held-out calls {path}: they are in the repository") from error
    except (ValueError, ConfigurationError) as error:
        raise MissingDataError(f"the held-out calls {path} cannot be read: {error}") from error


def _call(written: _Written, label_set: LabelSet) -> HeldOutCall:
    try:
        turns = tuple(marked_turns(written.text))
        return HeldOutCall(written.id, turns, _labels(written, label_set), written.abstained)
    except ValueError as error:
        raise ValueError(f"{written.id}: {error}") from error


def _labels(written: _Written, label_set: LabelSet) -> dict[str, str]:
    if written.abstained and not written.labels:
        return {}
    tasks = label_set.tasks
    if written.abstained or len(written.labels) != len(tasks):
        raise ValueError(f"wants either a reason to abstain or {len(tasks)} labels")
    for task, name in zip(tasks, written.labels, strict=True):
        if name not in task.names:
            raise ValueError(f"{task.name} has no label {name!r}")
    labels = {task.name: name for task, name in zip(tasks, written.labels, strict=True)}
    for task in tasks:
        parent = label_set.parents(task)[task.names.index(labels[task.name])] if task.parent else 0
        if task.parent and label_set.task(task.parent).names[parent] != labels[task.parent]:
            raise ValueError(f"{labels[task.name]!r} does not belong to {labels[task.parent]!r}")
    return labels
