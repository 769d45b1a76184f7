"""The check that refuses leaking splits."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import msgspec

from training.classification.corpus.rows import spoken_text
from training.core.errors import LeakingSplitsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.classification.label_set import LabelSet
    from training.classification.corpus.rows import Row, Split

_SHOWN = 3  # leaks that an error names


class Leak(msgspec.Struct, frozen=True):
    """What is in more than one split.

    Attributes:
        kind: The same spoken text, or the same group.
        rows: One row of each split that has it.
    """

    kind: Literal["text", "group"]
    rows: dict[Split, str]


def find_leaks(rows: Mapping[Split, Sequence[Row]], label_set: LabelSet) -> list[Leak]:
    """Return the groups and the texts that are in more than one split."""
    found: dict[tuple[Literal["text", "group"], str], dict[Split, str]] = defaultdict(dict)
    for split, of_split in rows.items():
        for row in of_split:
            found[("group", row.group)].setdefault(split, row.id)
            found[("text", spoken_text(row, label_set))].setdefault(split, row.id)
    return [Leak(kind, where) for (kind, _), where in found.items() if len(where) > 1]


def refuse_leaks(rows: Mapping[Split, Sequence[Row]], label_set: LabelSet) -> None:
    """Check that no text and no group is in more than one split.

    Raises:
        LeakingSplitsError: One is; the message names rows, never their text.
    """
    leaks = find_leaks(rows, label_set)
    if not leaks:
        return
    shown = "; ".join(
        f"the same {leak.kind} in {' and '.join(f'{s} ({i})' for s, i in leak.rows.items())}"
        for leak in leaks[:_SHOWN]
    )
    more = f"; and {len(leaks) - _SHOWN:,} more" if len(leaks) > _SHOWN else ""
    message = (
        f"the splits leak: {shown}{more}; prepare the data again, or take these rows out of all "
        "splits but one"
    )
    raise LeakingSplitsError(message)
