"""The calls that were written by hand, as rows that are measured and never learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.corpus.rows import Row, RowTurn
from training.classification.held_out import calls as held_out

if TYPE_CHECKING:
    from models.classification.label_set import LabelSet

HELD_OUT = "written_by_hand"


def held_out_rows(label_set: LabelSet) -> dict[str, list[Row]]:
    """Return the calls that were written by hand for a label set, as a test set of their own."""
    if label_set.name != held_out.LABEL_SET:
        return {}
    calls = [call for call in held_out.read_held_out() if call.labels]
    return {HELD_OUT: [_held_out_row(call) for call in calls]}


def _held_out_row(call: held_out.HeldOutCall) -> Row:
    return Row(
        id=call.id,
        source=HELD_OUT,
        group=call.id,
        turns=tuple(RowTurn(turn.party, turn.text) for turn in call.turns),
        labels={task: (label,) for task, label in call.labels.items()},
        is_synthetic=True,  # one by one, but by a language model
    )
