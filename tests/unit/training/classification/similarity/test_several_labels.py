"""Errors of a task with several labels: calls whose labels are others than were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.classification.tiny_classifier import write_classifier
from training.classification.corpus.rows import Row, RowTurn
from training.classification.similarity.embeddings import write_embeddings
from training.classification.similarity.report import report_similarity

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = """
name = "tiny"
version = 1
title = "Tiny"
[[tasks]]
name = "flags"
title = "Flags"
mode = "multi"
labels = [
    { name = "Polite", definition = "Says thank you" },
    { name = "Asks", definition = "Says please" },
]
"""


def row(text: str, *labels: str) -> Row:
    return Row(text, "own", text, (RowTurn("customer", text),), {"flags": labels})


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = write_classifier(tmp_path, label_set=FLAGS)
    write_embeddings(path, [row("thank you all", "Polite"), row("my number please", "Asks")])
    return path


def test_the_order_of_labels_is_no_error(manifest: Path) -> None:
    rows = [
        row("please please my number please and thank you", "Polite", "Asks"),
        row("thank you all for that", "Polite"),
        row("my number is noon"),
    ]

    found = report_similarity(manifest, rows)

    assert (found.calls, found.wrong, found.pairs) == (3, 0, ())


def test_a_label_that_is_missed_or_given_besides_is_an_error(manifest: Path) -> None:
    """A pair of labels is one only where one stands for the other."""
    rows = [
        row("thank you all for that", "Polite", "Asks"),
        row("thank you all for this", "Asks"),
        row("thank you all for the day"),
        row("my number is noon", "Polite"),
    ]

    found = report_similarity(manifest, rows)

    assert (found.calls, found.wrong, found.wrong_and_near) == (4, 4, 1)
    assert [(pair.label, pair.given, pair.calls) for pair in found.pairs] == [("Asks", "Polite", 1)]


def test_a_second_opinion_differs_if_the_model_did_not_give_it(manifest: Path) -> None:
    found = report_similarity(manifest, [row("thank you all for that", "Polite", "Asks")])

    assert (found.second_right, found.differ, found.wrong_and_second_right) == (1, 0, 0)
