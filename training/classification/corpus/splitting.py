"""The groups of rows, which are divided into splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.core.errors import RecipeError
from training.core.splits import Unsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.classification.corpus.rows import Row
    from training.core.splits import Split


def group_rows(rows: Sequence[tuple[Row, Split | None]], stratify_by: str) -> dict[str, Unsplit]:
    """Return the groups of rows; the first row of a group decides its source and label.

    Raises:
        RecipeError: Rows of one group are to come into several splits.
    """
    groups: dict[str, Unsplit] = {}
    for row, pinned in rows:
        label = next(iter(row.labels.get(stratify_by, ())), "")
        group = groups.setdefault(row.group, Unsplit(row.source, label, pinned))
        if group.pinned != pinned:
            message = (
                f"the group {row.group!r} is in {group.source} ({group.pinned or 'by shares'}) and "
                f"in {row.source} ({pinned or 'by shares'}): give both sources the same split"
            )
            raise RecipeError(message)
    return groups
