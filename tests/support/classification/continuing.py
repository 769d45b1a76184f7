"""A tiny model whose calls about an order are wrong, and what is needed to correct them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from models.classification.classifier import Classifier, Passage
from stream_app.feedback.rows import CorrectedRow, SaidTurn, write_rows
from tests.support.classification.tiny import tiny_rows, write_label_set, write_splits
from tests.support.models.tiny_trained_turns import write_encoder
from training.classification.corpus.rows import Row, RowTurn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORDER = "order"  # the word of the calls that the first version gets wrong
_FILL = ("i", "my", "is", "the", "um", "all", "that")


def order_rows(count: int, sub: str, *, seed: int) -> list[Row]:
    """Return calls about an order, which are labelled as ``Hour`` or, rightly, as ``Phone``."""
    drawn = random.Random(seed)
    main = "Contact" if sub == "Phone" else "Time"
    rows = []
    for number in range(count):
        said = [*(drawn.choice(_FILL) for _ in range(9)), ORDER, ORDER, ORDER]
        drawn.shuffle(said)
        name = f"order-{seed}/{number}"
        turns = (RowTurn("customer", " ".join(said)),)
        rows.append(Row(name, "orders", name, turns, {"main": (main,), "sub": (sub,)}))
    return rows


def write_work(work: Path) -> None:
    """Write prepared rows: wrong labels of orders to train on, right ones to measure with."""
    write_splits(
        work,
        {
            "train": [*tiny_rows(120, seed=1), *order_rows(8, "Hour", seed=11)],
            "validation": [*tiny_rows(40, seed=2), *order_rows(16, "Phone", seed=12)],
            "test": [*tiny_rows(40, seed=3), *order_rows(16, "Phone", seed=13)],
        },
    )


def write_corrections(path: Path, rows: Sequence[Row] = ()) -> Path:
    """Write calls as `callstream feedback export` does; by default 24 about an order."""
    corrected = rows or order_rows(24, "Phone", seed=14)
    write_rows(
        path,
        (
            CorrectedRow(
                id=row.id.replace("/", "-"),
                group=row.group.replace("/", "-"),
                turns=tuple(SaidTurn(turn.party, turn.text) for turn in row.turns),
                labels={"sub": row.labels["sub"], "main": row.labels["main"]},
                label_set="tiny-1",
            )
            for row in corrected
        ),
    )
    return path


def write_recipe(folder: Path, *, epochs: int = 15) -> Path:
    """Write the recipe of a network that learns all of it in seconds."""
    recipe = folder / "recipe.toml"
    recipe.write_text(
        f"""
        name = "tiny"
        seed = 5
        device = "cpu"
        [base]
        model = "{write_encoder(folder / "encoder")}"
        layers = 1
        [head]
        pooling = "mean"
        [learning]
        max_tokens = 32
        epochs = {epochs}
        learning_rate = 1e-2
        head_rate = 2.0
        patience = 0
        [continuous]
        epochs = 6
        least_agreement = 0.5
        [evaluation]
        resamples = 100
        overlap_tokens = 8
        [data]
        label_set = "{write_label_set(folder / "labels.toml")}"
        sources.own = {{ kind = "calls", path = "own.json" }}
        """
    )
    return recipe


def write_calls(path: Path, rows: Sequence[Row]) -> Path:
    """Write labelled calls as people bring them."""
    calls = [
        {"id": row.id, "text_transcript": row.turns[0].text, "labels": row.labels} for row in rows
    ]
    path.write_bytes(msgspec.json.encode(calls))
    return path


def right(manifest: Path, rows: Sequence[Row]) -> float:
    """Return the share of rows that the live path gives the right sub-category."""
    classifier = Classifier.load(manifest)
    labelled = [row for row in rows if "sub" in row.labels]
    found = classifier.classify([[Passage(row.turns[0].text)] for row in labelled])
    given = [
        next((each.labels[0].label for each in one.answers if each.task == "sub"), "")
        for one in found
    ]
    return sum((name,) == row.labels["sub"] for name, row in zip(given, labelled, strict=True)) / (
        len(labelled)
    )
