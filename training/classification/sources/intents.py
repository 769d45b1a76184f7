"""Intents of data sets, as the labels of a label set: a committed TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from training.classification.sources.labels import named_labels
from training.core.errors import MissingDataError, RecipeError

if TYPE_CHECKING:
    from models.classification.label_set import LabelSet

FOLDER = Path(__file__).parent


class IntentFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file.

    Attributes:
        task: Of the label set, whose labels the intents are mapped to.
        follows: What each of these labels means for other tasks.
        sets: By data set and intent the label, or labels by task where an intent differs from
            what follows; an empty label says that the intent fits none.
    """

    task: str
    follows: dict[str, dict[str, str]]
    sets: dict[str, dict[str, str | dict[str, str]]]


class IntentMap:
    """Labels by data set and intent.

    Args:
        source: Name of a file beside this module, or a path.
        label_set: That has the labels.

    Raises:
        RecipeError: The file cannot be read, or names what is not in the label set.
    """

    def __init__(self, source: str, label_set: LabelSet) -> None:
        bundled = FOLDER / f"{source}.toml"
        self._path = bundled if bundled.is_file() else Path(source)
        self._file = _read(self._path)
        self._label_set = label_set
        self.task = label_set.task(self._file.task).name
        self._labels = {
            name: {intent: self._named(name, intent, label) for intent, label in intents.items()}
            for name, intents in self._file.sets.items()
        }

    def intents(self, set_name: str) -> tuple[str, ...]:
        """Return the intents of a data set."""
        return tuple(self._file.sets.get(set_name, ()))

    def labels(self, set_name: str, intent: str) -> dict[str, tuple[str, ...]]:
        """Return the labels of an intent by task; none where it fits no label.

        Raises:
            MissingDataError: The file does not have the intent.
        """
        try:
            return self._labels[set_name][intent]
        except KeyError as error:
            message = f"{self._path} does not say what the intent {intent!r} of {set_name!r} is"
            raise MissingDataError(message) from error

    def labels_of(self, label: str) -> dict[str, tuple[str, ...]]:
        """Return the labels of all tasks that a label of the map's task stands for.

        Raises:
            RecipeError: The label set does not have it.
        """
        return self._named(self._file.task, label, label)

    def label(self, set_name: str, intent: str) -> str:
        """Return the label of an intent; empty where it fits none."""
        return next(iter(self.labels(set_name, intent).get(self.task, ())), "")

    def _named(
        self, set_name: str, intent: str, label: str | dict[str, str]
    ) -> dict[str, tuple[str, ...]]:
        given = {self._file.task: label} if isinstance(label, str) else label
        name = given.get(self._file.task, "")
        if not name:
            return {}
        try:
            follows = self._file.follows.get(name, {})
            return named_labels(self._label_set, {**follows, **given}, f"{set_name}: {intent}")
        except MissingDataError as error:
            raise RecipeError(f"the intents {self._path}: {error}") from error


def _read(path: Path) -> IntentFile:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), IntentFile)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"the intents {path} cannot be read: {error}") from error
