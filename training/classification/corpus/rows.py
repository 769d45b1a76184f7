"""Rows: calls, or parts of calls, with the labels they have, and the files that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.text.spoken_form import spoken_form
from schemas.base import Party
from training.core.errors import MissingDataError
from training.core.splits import SPLITS, Split

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from models.classification.label_set import LabelSet

__all__ = [
    "GROUP",
    "SPLITS",
    "Row",
    "RowTurn",
    "Split",
    "read_rows",
    "rows_path",
    "spoken_text",
    "unlabelled_path",
    "write_rows",
]

GROUP = "group"  # of the provenance: the group as a file of calls names it


class RowTurn(msgspec.Struct, frozen=True):
    """What one speaker said.

    Attributes:
        party: Who speaks.
        text: As it was written; the spoken form is taken when tokens are made.
    """

    party: Party
    text: str


class Row(msgspec.Struct, frozen=True):
    """A call, or a part of one, with the labels it has.

    Attributes:
        id: Unique over all sources.
        source: Name of the source in the recipe.
        group: Rows that share it are never in two splits: a call, a conversation, or a family
            of templates.
        turns: In their order.
        labels: By task, only of tasks that it has labels for; names as the label set gives them.
            Of a task with several labels it may be known that none holds.
        is_synthetic: No human wrote what carries the labels.
        provenance: Where it comes from: file, original label, what was composed.
    """

    id: str
    source: str
    group: str
    turns: tuple[RowTurn, ...]
    labels: dict[str, tuple[str, ...]]
    is_synthetic: bool = False
    provenance: dict[str, str] = {}


def spoken_text(row: Row, label_set: LabelSet) -> str:
    """Return the spoken form of the turns that are classified."""
    read = label_set.classified([turn.party for turn in row.turns])
    return spoken_form(" ".join(row.turns[index].text for index in read))


def rows_path(work: Path, split: Split) -> Path:
    """Return the file with the rows of a split."""
    return work / "data" / f"{split}.jsonl"


def unlabelled_path(work: Path) -> Path:
    """Return the file with the rows that no label fits, which measure abstention."""
    return work / "data" / "unlabelled.jsonl"


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file of JSON lines.

    Raises:
        MissingDataError: There is no such file, or a line is not a row.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"the rows {path} cannot be read ({error.strerror}); prepare the data first"
        raise MissingDataError(message) from error
    try:
        return msgspec.json.Decoder(Row).decode_lines(content)
    except msgspec.DecodeError as error:
        raise MissingDataError(f"{path} holds a line that is not a row: {error}") from error


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file at ``path`` by the rows in one go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.Encoder().encode_lines(rows))
    partial.replace(path)
