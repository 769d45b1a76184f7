"""Whole calls that were written for this project: labels, turns, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.classification.label_set import LabelSet, load_label_set
from training.classification.corpus.rows import SPLITS, Row, RowTurn, Split
from training.classification.sources.protocol import Found, Reading
from training.classification.sources.readers import read_source, source_files
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError

_SHIPPED = "helpline_written"
_CALL = """[Bullying | Counselling | Medium]
A: Child helpline.
C: They hide my shoes: every day.
"""


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return load_label_set("helpline")


def _read(path: str, labels: LabelSet) -> list[Found]:
    source = Source(kind="written_calls", path=path)
    return list(read_source(Reading("by_hand", source, Path("nowhere"), labels, 3)))


def _write(folder: Path, split: Split, calls: str) -> Path:
    path = folder / split / "school.txt"
    path.parent.mkdir()
    path.write_text(calls)
    return path


def test_a_call_has_its_labels_their_parents_and_its_turns(
    labels: LabelSet, tmp_path: Path
) -> None:
    _write(tmp_path, "train", f"{_CALL}\n[Referred]\nC: Come quickly.\n")
    _write(tmp_path, "test", "[Low]\nC: Thank you.\n")

    third, first, second = _read(str(tmp_path), labels)

    assert first.row == Row(
        id="by_hand/train/school/0000",
        source="by_hand",
        group="by_hand/train/school/0000",
        turns=(
            RowTurn("agent", "Child helpline."),
            RowTurn("customer", "They hide my shoes: every day."),
        ),
        labels={
            "main_category": ("Advice and Counselling",),
            "sub_category": ("Bullying",),
            "intervention": ("Counselling",),
            "priority": ("Medium",),
        },
        is_synthetic=True,
        provenance={"file": "train/school.txt"},
    )
    assert second.row.labels == {"intervention": ("Referred",)}
    assert [each.split for each in (first, second, third)] == ["train", "train", "test"]


def test_calls_of_a_folder_that_is_no_split_are_refused(labels: LabelSet, tmp_path: Path) -> None:
    _write(tmp_path, "train", _CALL)
    (tmp_path / "valid").mkdir()
    (tmp_path / "valid" / "school.txt").write_text(_CALL)

    with pytest.raises(MissingDataError, match="stands in a folder of no split"):
        _read(str(tmp_path), labels)


def test_a_path_is_one_from_where_the_command_runs(
    labels: LabelSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    _write(tmp_path / "own", "train", _CALL)
    monkeypatch.chdir(tmp_path)

    assert len(_read("own", labels)) == 1


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("A: Child helpline.\nC: Hello.\n", "not with '\\[label | label\\]'"),
        ("[Bullying]\n", "the call train/school/0000 has no turns"),
        ("[Bullying]\nHello.\n", "'Hello.' is not 'A: ..'"),
        ("[Bullying | Mild]\nC: Hello.\n", "'Mild' is no label"),
        ("[Bullying | Custody]\nC: Hello.\n", "'Custody' is no label, or not of one task alone"),
    ],
)
def test_a_call_of_another_form_is_refused(
    written: str, fault: str, labels: LabelSet, tmp_path: Path
) -> None:
    _write(tmp_path, "train", written)

    with pytest.raises(MissingDataError, match=fault):
        _read(str(tmp_path), labels)


def test_a_folder_without_calls_is_refused(labels: LabelSet, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no written calls in"):
        _read(str(tmp_path), labels)


def test_the_files_of_written_calls_decide_the_rows(tmp_path: Path) -> None:
    path = _write(tmp_path, "validation", _CALL)
    source = Source(kind="written_calls", path=str(tmp_path))

    assert source_files(source, Path("nowhere")) == [path]


def test_the_calls_that_ship_have_every_label_in_every_split(labels: LabelSet) -> None:
    found = _read(_SHIPPED, labels)

    for split in SPLITS:
        rows = [each.row for each in found if each.split == split]
        for task in labels.tasks:
            assert {row.labels[task.name] for row in rows} == {(name,) for name in task.names}
    assert min(len(each.row.turns) for each in found) >= 4
    assert len({each.row.turns for each in found}) == len(found)
