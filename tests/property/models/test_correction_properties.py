"""The join of corrections and calls, whatever order the partitions are read in."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from models.classification.corrections import latest_corrections
from schemas.classification import LabelCorrected
from stream_app.feedback.rows import export_rows
from tests.support.examples import examples
from tests.support.models.classified_calls import SHOP, corrected, finalized

CALLS = ("a", "b~1", "b~2", "c")
LABELS = {
    "area": ("Goods", "Money"),
    "subject": ("Broken", "Late", "Refund"),
    "moods": ("Angry", "Sad"),
    "urgency": ("Low", "High"),
}
CORRECTIONS = st.sampled_from(sorted(LABELS)).flatmap(
    lambda task: st.builds(
        corrected,
        st.sampled_from(CALLS),
        st.just(task),
        st.sampled_from(("", *LABELS[task])).map(str),
    )
)
MESSAGES = st.lists(
    CORRECTIONS.map(
        lambda one: one if one.labels[0] else corrected(one.call_id, one.task)  # none holds
    ),
    max_size=30,
)
SPOKEN = {call_id: finalized(call_id, f"call {call_id} is about this") for call_id in CALLS}


def interleaved(messages: list[LabelCorrected], seed: int) -> list[LabelCorrected]:
    """Return the messages in another order of the calls, each call's own order kept."""
    order = [message.call_id for message in messages]
    random.Random(seed).shuffle(order)
    queues = {call_id: [m for m in messages if m.call_id == call_id] for call_id in CALLS}
    return [queues[call_id].pop(0) for call_id in order]


@examples(100)
@given(MESSAGES, st.integers(0, 1_000))
def test_only_the_order_within_a_call_matters(messages: list[LabelCorrected], seed: int) -> None:
    exports = [
        export_rows(latest_corrections(order, SHOP), SPOKEN, (), SHOP)
        for order in (messages, interleaved(messages, seed))
    ]

    assert exports[0] == exports[1]


@examples(100)
@given(MESSAGES)
def test_every_row_has_the_latest_labels_and_labels_that_fit(
    messages: list[LabelCorrected],
) -> None:
    """Of tasks without a parent exactly the latest correction; subject and area never differ."""
    rows = {
        row.id: row
        for row in export_rows(latest_corrections(messages, SHOP), SPOKEN, (), SHOP).rows
    }

    for call_id in CALLS:
        own = {one.task: one.labels for one in messages if one.call_id == call_id}
        labels = rows[call_id].labels if call_id in rows else {}
        for task in ("moods", "urgency"):
            assert labels.get(task, ()) == own.get(task, ())
        if "subject" in labels:
            assert labels["area"] == (
                ("Money",) if labels["subject"] == ("Refund",) else ("Goods",)
            )
        if own.get("subject") and "area" not in own:
            assert labels["subject"] == own["subject"]


@examples(60)
@given(MESSAGES, MESSAGES)
def test_calls_that_left_the_topic_stay_in_the_file(
    before: list[LabelCorrected], after: list[LabelCorrected]
) -> None:
    """An export with every call, then one without any, is the export of all corrections at once."""
    first = export_rows(latest_corrections(before, SHOP), SPOKEN, (), SHOP)
    known = {row.id for row in first.rows}
    later = [*before, *(one for one in after if one.call_id in known)]

    second = export_rows(latest_corrections(later, SHOP), {}, first.rows, SHOP)
    at_once = export_rows(latest_corrections(later, SHOP), SPOKEN, (), SHOP)

    assert [row for row in second.rows if row.id in known] == [
        row for row in at_once.rows if row.id in known
    ]
