"""Texts that were labelled in several ways."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from training.classification.corpus.rows import Row, Split

    Rows = Mapping[Split, Sequence[Row]]


class Contradiction(msgspec.Struct, frozen=True):
    """A text that has several labels of one task.

    Attributes:
        task: Of the label set.
        text: In spoken form.
        labels: That it has, with the rows that say so.
    """

    task: str
    text: str
    labels: dict[str, tuple[str, ...]]


def find_contradictions(rows: Rows, texts: Mapping[str, str]) -> list[Contradiction]:
    """Return the texts whose rows do not agree about a task.

    Args:
        rows: By split.
        texts: Spoken form by the id of a row.
    """
    said: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in _all(rows):
        for task, labels in row.labels.items():
            said[(task, texts[row.id])][" + ".join(sorted(labels))].append(row.id)
    return [
        Contradiction(task, text, {label: tuple(ids) for label, ids in labels.items()})
        for (task, text), labels in said.items()
        if len(labels) > 1
    ]


def drop_contradicted(
    rows: Rows, texts: Mapping[str, str], contradictions: Sequence[Contradiction]
) -> dict[Split, list[Row]]:
    """Return the rows without those whose text has several labels of one task."""
    texts_of = {each.text for each in contradictions}
    return {
        split: [row for row in of_split if texts[row.id] not in texts_of]
        for split, of_split in rows.items()
    }


def _all(rows: Rows) -> Iterable[Row]:
    return (row for of_split in rows.values() for row in of_split)
