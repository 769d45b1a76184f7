from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import torch

from models.classification.label_set import load_label_set
from tests.support.classification.tiny import write_label_set
from tests.support.models.tiny_turns import tiny_tokenizer
from training.classification.corpus.rows import Row, RowTurn
from training.classification.learning.inputs import (
    EpochBatches,
    LabelledCalls,
    Place,
    RandomWindows,
    label_matrix,
    read_calls,
)
from training.classification.learning.losses import ABSENT
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

    from models.classification.label_set import LabelSet


@pytest.fixture
def label_set(tmp_path: Path) -> LabelSet:
    return load_label_set(write_label_set(tmp_path / "labels.toml"))


def calls(lengths: list[int], sources: list[str]) -> LabelledCalls:
    ids = [list(range(number * 1000, number * 1000 + size)) for number, size in enumerate(lengths)]
    return LabelledCalls(ids, torch.zeros(len(ids), 2), sources)


def test_rows_become_numbers_and_absent_tasks_are_marked(label_set: LabelSet) -> None:
    row = Row(
        id="1",
        source="s",
        group="g",
        turns=(RowTurn("agent", "Yes?"), RowTurn("customer", "On MONDAY, please!")),
        labels={"main": ("Time",), "flags": ("Asks",)},
    )
    silent = Row(id="2", source="s", group="g", turns=(RowTurn("customer", "..."),), labels={})

    found, kept = read_calls([row, silent], tiny_tokenizer(), label_set)

    vocabulary = tiny_tokenizer().get_vocab()
    assert found.ids == [[vocabulary[word] for word in ("yes", "on", "monday", "please")]]
    assert found.labels.tolist() == [[1, 0, ABSENT, ABSENT, ABSENT, 0, 1]]
    assert kept == [row]


def test_a_window_lies_elsewhere_in_every_epoch_and_in_the_same_place_in_every_run() -> None:
    windows = RandomWindows(calls([500, 10], ["s", "s"]), 32, seed=3)
    again = RandomWindows(calls([500, 10], ["s", "s"]), 32, seed=3)

    starts = [windows[Place(epoch, 0)][0][0] for epoch in range(40)]

    assert starts == [again[Place(epoch, 0)][0][0] for epoch in range(40)]
    assert len(set(starts)) > 30
    assert {len(windows[Place(epoch, 0)][0]) for epoch in range(40)} == {32}
    assert windows[Place(7, 1)][0] == list(range(1000, 1010))


def test_an_epoch_reads_its_share_of_every_source_and_goes_round_all_rows() -> None:
    sources = ["half"] * 40 + ["whole"] * 10 + ["twice"] * 5 + ["never"] * 7
    windows = RandomWindows(calls([20] * len(sources), sources), 32, seed=1)
    batches = EpochBatches(windows, {"half": 0.5, "twice": 2, "never": 0}, 8, seed=1)

    epochs = []
    for epoch in (0, 1):
        batches.set_epoch(epoch)
        epochs.append([place.row for batch in batches for place in batch])

    for rows in epochs:
        assert Counter(sources[row] for row in rows) == {"half": 20, "whole": 10, "twice": 10}
        assert set(Counter(row for row in rows if sources[row] == "twice").values()) == {2}
    halves = [{row for row in rows if sources[row] == "half"} for rows in epochs]
    assert halves[0] | halves[1] == set(range(40))
    assert len(batches) == len(list(batches)) == 5


def test_batches_hold_rows_of_about_one_length() -> None:
    lengths = [1 + number % 30 for number in range(640)]
    windows = RandomWindows(calls(lengths, ["s"] * 640), 64, seed=1)

    padded = sum(
        len(batch) * max(lengths[place.row] for place in batch)
        for batch in EpochBatches(windows, {}, 16, seed=1)
    )

    assert padded < 1.1 * sum(lengths)


def test_that_no_label_of_several_holds_is_learnt(label_set: LabelSet) -> None:
    """Of a task with one label it would say nothing."""
    (line,) = label_matrix([{"main": (), "flags": ()}], label_set).tolist()

    assert line[-2:] == [0.0, 0.0]
    assert set(line[:-2]) == {ABSENT}


def test_a_label_of_another_label_set_is_refused(label_set: LabelSet) -> None:
    with pytest.raises(MissingDataError, match="'Late', which is no label of 'sub' in tiny-"):
        label_matrix([{"sub": ("Late",)}], label_set)
