"""The groups of rows, which are divided into splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.core.splits import Unsplit, group_together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.classification.corpus.rows import Row
    from training.core.splits import Split


def group_rows(rows: Sequence[tuple[Row, Split | None]], stratify_by: str) -> dict[str, Unsplit]:
    """Return the groups of rows; the first row of a group decides its source and label.

    Raises:
        RecipeError: Rows of one group are to come into several splits.
    """
    return group_together(
        (row.group, Unsplit(row.source, next(iter(row.labels.get(stratify_by, ())), ""), pinned))
        for row, pinned in rows
    )
