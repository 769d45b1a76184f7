"""The rows of a session: each text once, corrections first, nothing that is held out."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from models.classification.label_set import Label, LabelSet, load_label_set
from models.store.manifest import sha256_of
from tests.support.classification.continuing import order_rows, write_calls, write_corrections
from tests.support.classification.tiny import tiny_rows, write_label_set
from training.classification.continuous.rows import (
    CORRECTIONS,
    NEW,
    check_sources,
    gather_rows,
    read_corrections,
    read_labelled,
    rows_used,
    with_present_names,
)
from training.classification.corpus.rows import Row, write_rows
from training.core.errors import MissingDataError, RecipeError


@pytest.fixture
def label_set(tmp_path: Path) -> LabelSet:
    return load_label_set(write_label_set(tmp_path / "labels.toml"))


def labelled(row: Row, sub: str, *, group: str = "") -> Row:
    """Return another row of the same words."""
    return msgspec.structs.replace(
        row, id=f"{row.id}/{sub}", group=group or row.group, labels={"sub": (sub,)}
    )


def test_of_a_text_the_correction_is_learnt_then_the_new_labels(label_set: LabelSet) -> None:
    learnt = order_rows(30, "Hour", seed=1)
    new = [labelled(row, "Day") for row in learnt[:20]]
    corrected = [labelled(row, "Phone") for row in learnt[:10]]

    found = gather_rows((learnt, new, corrected), (), label_set, 0.1)

    everything = [*found.train, *(row for row in found.selection if row not in corrected)]
    by_text = {row.turns: row.labels["sub"][0] for row in everything}
    assert len(everything) == len(by_text) == 30
    assert [by_text[row.turns] for row in learnt] == ["Phone"] * 10 + ["Day"] * 10 + ["Hour"] * 10
    assert found.left_out == {"corrected since": 10, "labelled anew": 20}


def test_what_is_held_out_is_never_learnt(label_set: LabelSet) -> None:
    """Neither its texts nor other rows of its groups, whoever brings them."""
    held_out = order_rows(4, "Phone", seed=1)
    same_text = [labelled(row, "Day", group=f"else/{row.id}") for row in held_out]
    other_text = [
        msgspec.structs.replace(row, group=held.group)
        for row, held in zip(order_rows(4, "Day", seed=2), held_out, strict=True)
    ]
    fine = order_rows(40, "Day", seed=3)

    found = gather_rows(
        ([*fine[:20], *same_text[:1]], [*fine[20:], *other_text], same_text[1:]),
        held_out,
        label_set,
        0.2,
    )

    assert found.left_out == {"in the validation or test set": 8}
    assert {row.id for row in (*found.train, *found.selection)} == {row.id for row in fine}


def test_groups_that_choose_the_epoch_are_the_same_in_every_session(label_set: LabelSet) -> None:
    """About a tenth of them, whatever else there is; corrections choose and are learnt."""
    learnt, corrected = tiny_rows(600, seed=1), order_rows(5, "Phone", seed=2)

    first = gather_rows((learnt, (), ()), (), label_set, 0.1)
    later = gather_rows((learnt[::-1], tiny_rows(60, seed=9), corrected), (), label_set, 0.1)

    chosen = {row.group for row in first.selection}
    assert 0.05 < len(chosen) / 300 < 0.15
    assert chosen <= {row.group for row in later.selection}
    assert not chosen & {row.group for row in later.train}
    assert {row.id for row in corrected} <= {row.id for row in later.selection}
    assert later.corrections == tuple(corrected)


def test_nothing_to_learn_from_is_told(label_set: LabelSet) -> None:
    with pytest.raises(MissingDataError, match="0 rows to learn from"):
        gather_rows(((), (), ()), (), label_set, 0.1)


def test_files_of_labelled_calls_become_rows_of_their_kind(
    label_set: LabelSet, tmp_path: Path
) -> None:
    new = read_labelled(write_calls(tmp_path / "a.json", tiny_rows(3)), label_set, NEW)
    corrected = read_corrections(write_corrections(tmp_path / "c.jsonl"), label_set).rows

    assert ({row.source for row in new}, len(new)) == ({NEW}, 3)
    assert {row.source for row in corrected} == {CORRECTIONS}
    assert corrected[0].labels == {"main": ("Contact",), "sub": ("Phone",)}


def test_a_file_that_is_not_there_is_told(label_set: LabelSet, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no labelled calls at"):
        read_labelled(tmp_path / "none.json", label_set, NEW)
    with pytest.raises(MissingDataError, match="no labelled calls at"):
        read_corrections(tmp_path / "none.jsonl", label_set)


def test_a_source_with_the_name_of_a_sessions_rows_is_refused() -> None:
    with pytest.raises(RecipeError, match="corrections means rows of sessions"):
        check_sources([msgspec.structs.replace(tiny_rows(1)[0], source=CORRECTIONS)])


def test_a_fingerprint_is_the_hash_of_the_file(tmp_path: Path) -> None:
    """So that anybody can check the frozen set with the tools of the system."""
    rows = tiny_rows(20)
    write_rows(tmp_path / "validation.jsonl", rows)

    used = rows_used(rows)

    assert (used.rows, used.fingerprint) == (20, sha256_of(tmp_path / "validation.jsonl"))
    assert rows_used(rows[1:]) != used


def test_a_group_that_a_file_names_is_held_out_whichever_file_brings_it(
    label_set: LabelSet, tmp_path: Path
) -> None:
    def call(text: str) -> dict[str, object]:
        return {"narrative": text, "sub": "Day", "group": "0042"}

    for name, text in (("own", "monday please"), ("more", "on monday then")):
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode([call(text)]))
    held_out = read_labelled(tmp_path / "own.json", label_set, "own")
    new = read_labelled(tmp_path / "more.json", label_set, NEW)

    found = gather_rows((order_rows(40, "Day", seed=3), new, ()), held_out, label_set, 0.1)

    assert found.left_out == {"in the validation or test set": 1}
    assert not found.new


def with_subs(label_set: LabelSet, *labels: Label) -> LabelSet:
    """Return the next version of a label set: with other labels of ``sub``."""
    tasks = tuple(
        msgspec.structs.replace(task, labels=labels) if task.name == "sub" else task
        for task in label_set.tasks
    )
    return msgspec.structs.replace(label_set, version=label_set.version + 1, tasks=tasks)


def test_learnt_rows_follow_a_label_to_its_new_name(label_set: LabelSet) -> None:
    """And a label to the parent that it belongs to now; what is no more is counted."""
    row = labelled(order_rows(1, "Day", seed=1)[0], "Phone")
    now = with_subs(
        label_set,
        Label("Day", "A day", "Contact"),
        Label("Hour", "An hour", "Time"),
        Label("Line", "A number", "Contact", ("Phone",)),
    )
    rows = [
        msgspec.structs.replace(row, labels=labels)
        for labels in (
            {"sub": ("Phone",)},
            {"sub": ("Fax",), "main": ("Time",)},
            {"sub": ("Fax",)},
            {"sub": ("Day",), "main": ("Time",)},
            {"shape": ("Round",), "flags": ("Polite", "Asks")},
        )
    ]

    found = with_present_names(rows, now)

    assert [each.labels for each in found.rows] == [
        {"main": ("Contact",), "sub": ("Line",)},
        {"main": ("Time",)},
        {"main": ("Contact",), "sub": ("Day",)},
        {"flags": ("Polite", "Asks")},
    ]
    assert found.forgotten == 3


def test_corrections_of_an_earlier_label_set_are_read_without_what_is_no_more(
    label_set: LabelSet, tmp_path: Path
) -> None:
    """One call with an old label does not keep the others from being learnt."""
    rows = [*order_rows(2, "Phone", seed=14), *order_rows(3, "Hour", seed=15)]
    path = write_corrections(tmp_path / "c.jsonl", rows)
    day, hour, phone = label_set.task("sub").labels
    now = with_subs(label_set, day, msgspec.structs.replace(hour, name="Clock"), phone)

    found = read_corrections(path, now)

    assert [row.labels for row in found.rows[:2]] == [{"main": ("Contact",), "sub": ("Phone",)}] * 2
    assert [row.labels for row in found.rows[2:]] == [{"main": ("Time",)}] * 3
    assert found.forgotten == 3


def test_corrections_are_the_rows_that_the_source_of_own_calls_would_make(
    label_set: LabelSet, tmp_path: Path
) -> None:
    path = write_corrections(tmp_path / "c.jsonl")

    assert read_corrections(path, label_set).rows == read_labelled(path, label_set, CORRECTIONS)


def test_corrections_that_are_no_export_are_read_as_own_calls(
    label_set: LabelSet, tmp_path: Path
) -> None:
    path = write_calls(tmp_path / "a.json", tiny_rows(3))

    assert read_corrections(path, label_set).rows == read_labelled(path, label_set, CORRECTIONS)
    path.write_bytes(path.read_bytes().replace(b"Time", b"Fax").replace(b"Contact", b"Fax"))
    with pytest.raises(MissingDataError, match="is no label of 'main'"):
        read_corrections(path, label_set)
