"""Corrected calls as rows for training."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from models.classification.corrections import Corrections, latest_corrections
from models.classification.label_set import LabelSet
from schemas.errors import ConfigurationError
from schemas.turns import FinalizedCall
from stream_app.feedback.rows import GONE, CorrectedRow, export_rows, read_rows, write_rows
from tests.support.models.classified_calls import SHOP, corrected, finalized
from training.classification.sources.calls import read_calls
from training.classification.sources.protocol import Reading
from training.classification.sources.recipe import Source


def exported(*calls: FinalizedCall, earlier: tuple[CorrectedRow, ...] = ()) -> dict[str, int]:
    """Return why calls are left out whose subject was corrected."""
    corrections = latest_corrections(
        [corrected(call.call_id, "subject", "Late") for call in calls], SHOP
    )
    known = {call.call_id: call for call in calls}
    return export_rows(corrections, known, earlier, SHOP).left_out


def test_training_reads_the_rows_as_labelled_calls(tmp_path: Path) -> None:
    """Turns with their party, labels with those of parents; runs of a call are one group."""
    corrections = latest_corrections(
        [
            corrected("call~1", "subject", "Late", said=("Broken",)),
            corrected("call~2", "moods", "Angry", "Sad"),
        ],
        SHOP,
    )
    calls = {name: finalized(name, "It is late.", "", "Really.") for name in ("call~1", "call~2")}
    path = tmp_path / "folder" / "corrections.jsonl"

    write_rows(path, export_rows(corrections, calls, (), SHOP).rows)
    reading = Reading("corrections", Source("calls", path.name), path.parent, SHOP, seed=1)
    one, other = (found.row for found in read_calls(reading))

    assert [(turn.party, turn.text) for turn in one.turns] == [
        ("customer", "It is late."),
        ("customer", "Really."),
    ]
    assert one.labels == {"area": ("Goods",), "subject": ("Late",)}
    assert other.labels == {"moods": ("Angry", "Sad")}
    assert one.group == other.group == "corrections/call"
    assert read_rows(path)[0].said == {"subject": ("Broken",)}


def test_what_was_said_in_calls_is_for_the_owner_of_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"

    write_rows(path, ())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (finalized("a", "Late.", attributes={"analytics": "False"}), "with analytics: false"),
        (finalized("a", "Late.", unserved_language="sw"), "in a language that was not served"),
        (finalized("a", " "), "without words"),
    ],
    ids=["opted out", "language", "silent"],
)
def test_calls_that_must_not_or_cannot_be_learnt_from_are_counted(
    call: FinalizedCall, why: str
) -> None:
    assert exported(call) == {why: 1}


def test_a_call_that_opts_out_later_leaves_the_file() -> None:
    corrections = latest_corrections([corrected("a", "subject", "Late")], SHOP)
    first = export_rows(corrections, {"a": finalized("a", "Late.")}, (), SHOP)

    opted_out = {"a": finalized("a", "Late.", attributes={"analytics": "false"})}
    second = export_rows(corrections, opted_out, first.rows, SHOP)

    assert (len(first.rows), second.rows) == (1, ())


def renamed(before: str, after: str, *spellings: str) -> LabelSet:
    """Return the next version of the label set: one of its subjects has another name."""
    subject = SHOP.task("subject")
    labels = tuple(
        msgspec.structs.replace(label, name=after, spellings=spellings)
        if label.name == before
        else label
        for label in subject.labels
    )
    changed = msgspec.structs.replace(subject, labels=labels)
    tasks = tuple(changed if task is subject else task for task in SHOP.tasks)
    return msgspec.structs.replace(SHOP, version=3, tasks=tasks)


def earlier_rows() -> tuple[CorrectedRow, ...]:
    """Return the export of a call that is on no topic any more."""
    corrections = latest_corrections([corrected("a", "subject", "Late")], SHOP)
    return export_rows(corrections, {"a": finalized("a", "It is late.")}, (), SHOP).rows


def test_an_earlier_row_gets_the_present_name_of_its_label() -> None:
    found = export_rows(Corrections({}, {}), {}, earlier_rows(), renamed("Late", "Delay", "late"))

    (row,) = found.rows
    assert row.labels == {"area": ("Goods",), "subject": ("Delay",)}
    assert (row.label_set, found.left_out) == ("shop-3", {})


def test_an_earlier_row_whose_label_is_no_more_stays_and_is_counted() -> None:
    """Its words would be lost; a person may still correct it, and the label may come back."""
    found = export_rows(Corrections({}, {}), {}, earlier_rows(), renamed("Late", "Delay"))

    assert found.rows == earlier_rows()
    assert found.left_out == {GONE: 1}


def test_a_corrected_call_that_is_on_no_topic_is_counted() -> None:
    corrections = latest_corrections([corrected("a", "subject", "Late")], SHOP)

    found = export_rows(corrections, {}, (), SHOP)

    assert (found.rows, found.left_out) == ((), {"not on the topic of finalized calls": 1})


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")

    with pytest.raises(ConfigurationError, match="no earlier export"):
        read_rows(path)
