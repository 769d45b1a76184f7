"""What a reader of labelled calls is given, and what it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.classification.label_set import LabelSet
    from training.classification.corpus.rows import Row, Split
    from training.classification.sources.recipe import Source


@dataclass(frozen=True)
class Reading:
    """What a reader is given.

    Attributes:
        name: Of the source in the recipe; the `source` of its rows.
        source: Its table.
        data: Folder that paths are relative to.
        label_set: Whose labels the rows have.
        seed: Of the run, for what is drawn.
    """

    name: str
    source: Source
    data: Path
    label_set: LabelSet
    seed: int

    @property
    def path(self) -> Path:
        """Return the file or folder of the source."""
        return self.data / self.source.path


class Found(NamedTuple):
    """A row, and the split that its source puts it into.

    Attributes:
        row: With names of labels as the label set gives them, and with the labels of parent
            tasks (see `training.classification.sources.labels.named_labels`). One without
            labels is kept to measure abstention.
        split: None leaves it to the shares; all rows of a group must agree.
    """

    row: Row
    split: Split | None = None


class Reader(Protocol):
    """Yields the rows of a source, always in the same order."""

    def __call__(self, reading: Reading) -> Iterator[Found]:
        """Yield them."""
        ...
