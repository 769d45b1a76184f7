"""Helpline calls that were written by hand: whole, unlike each other, never trained on."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import training.classification
from models.classification.label_set import load_label_set
from models.text.spoken_form import spoken_form
from training.classification.held_out.calls import HeldOutCall, read_held_out
from training.classification.sources.protocol import Reading
from training.classification.sources.readers import read_source
from training.classification.sources.recipe import Source
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.classification.corpus.rows import RowTurn

CLASSIFICATION = Path(training.classification.__file__).parent
MAY_READ = {"held_out", "evaluation"}
NAMES = ("classification.held_out", "held_out/", "helpline_calls.toml")
SHARED = 1 / 3
SHARED_WITH_TRAINING = 1 / 10


@pytest.fixture(scope="module")
def calls() -> tuple[HeldOutCall, ...]:
    return read_held_out()


def test_every_call_has_its_own_id_and_either_all_labels_or_a_reason(
    calls: tuple[HeldOutCall, ...],
) -> None:
    tasks = {task.name for task in load_label_set("helpline").tasks}

    assert max(Counter(call.id for call in calls).values()) == 1
    for call in calls:
        assert set(call.labels) == (set() if call.abstained else tasks), call.id


def test_every_label_of_the_label_set_occurs(calls: tuple[HeldOutCall, ...]) -> None:
    for task in load_label_set("helpline").tasks:
        found = {call.labels[task.name] for call in calls if call.labels}
        assert found == set(task.names)


def test_there_are_enough_of_each_kind_to_measure(calls: tuple[HeldOutCall, ...]) -> None:
    labelled = [call.labels for call in calls if call.labels]
    mains = Counter(labels["main_category"] for labels in labelled)

    assert len(labelled) >= 150
    assert min(mains.values()) >= 10
    assert Counter(labels["priority"] for labels in labelled)["High"] >= 35
    reasons = Counter(call.abstained for call in calls if call.abstained)
    assert reasons.keys() >= {"wrong_number", "prank", "too_short", "uncertain", "language"}
    assert reasons.total() >= 10


def test_no_two_calls_share_more_than_a_third_of_their_five_word_runs(
    calls: tuple[HeldOutCall, ...],
) -> None:
    runs = {call.id: _five_word_runs(call.turns) for call in calls if not call.abstained}

    for one, other in combinations(runs, 2):
        common = len(runs[one] & runs[other])
        assert common <= SHARED * min(len(runs[one]), len(runs[other])), (one, other)


def test_no_written_call_of_training_is_like_one_of_them(calls: tuple[HeldOutCall, ...]) -> None:
    held = {call.id: _five_word_runs(call.turns) for call in calls if not call.abstained}
    having: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, runs in held.items():
        for run in runs:
            having[run].append(name)
    source = Source(kind="written_calls", path="helpline_written")
    reading = Reading("written", source, Path("nowhere"), load_label_set("helpline"), 1)

    for found in read_source(reading):
        runs = _five_word_runs(found.row.turns)
        common = Counter(name for run in runs for name in having.get(run, ()))
        for name, count in common.items():
            assert count <= SHARED_WITH_TRAINING * min(len(runs), len(held[name])), found.row.id


def _five_word_runs(turns: Sequence[RowTurn]) -> set[tuple[str, ...]]:
    words = " ".join(spoken_form(turn.text) for turn in turns).split()
    return {tuple(words[start : start + 5]) for start in range(len(words) - 4)}


def test_only_the_evaluation_may_read_them() -> None:
    for path in CLASSIFICATION.rglob("*"):
        readers = MAY_READ & set(path.relative_to(CLASSIFICATION).parts)
        if path.suffix in {".py", ".toml", ".txt"} and not readers:
            text = path.read_text("utf-8")
            assert not any(name in text for name in NAMES), path


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ('labels = ["VANE", "Bullying", "Referred", "High"]\ntext = "C: hi"', "does not belong"),
        ('labels = ["VANE", "Beating", "Referred", "High"]\ntext = "C: hi"', "no label 'Beating'"),
        ('labels = ["VANE"]\ntext = "C: hi"', "4 labels"),
        ('text = "C: hi"', "4 labels"),
        ('abstained = "prank"\ntext = "Caller: hi"', "is not 'A: ..'"),
        ('abstained = "dull"\ntext = "C: hi"', "dull"),
    ],
)
def test_a_wrong_call_is_named_with_what_is_wrong(tmp_path: Path, call: str, told: str) -> None:
    path = tmp_path / "calls.toml"
    path.write_text(f'[[calls]]\nid = "x"\n{call}\n', "utf-8")

    with pytest.raises(MissingDataError, match=told):
        read_held_out(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no held-out calls"):
        read_held_out(tmp_path / "none.toml")
