"""A small label set, rows that a tiny network learns in a second, and a trained model of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.classification.tiny_classifier import TASKS
from tests.support.models.tiny_trained_turns import write_encoder
from training.classification.corpus.report import DataReport
from training.classification.corpus.rows import Row, RowTurn, Split, rows_path, write_rows
from training.classification.learning.recipe import HeadRecipe, Learning, NetworkRecipe
from training.classification.learning.run import LearningFolders, LearningRows, learn
from training.classification.prepare import REPORT_NAME
from training.core.json_files import write_json
from training.text.encoder_base import EncoderRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.classification.learning.history import LearningRecord
    from training.core.loop import StepFigures

LABEL_SET = f"""
name = "tiny"
version = 1
title = "Tiny"

{TASKS}"""
_SAID = {"Day": "monday", "Hour": "noon", "Phone": "number"}
_MAIN = {"Day": "Time", "Hour": "Time", "Phone": "Contact"}
_FILL = ("i", "my", "is", "the", "um", "all", "that")


def write_label_set(path: Path, text: str = LABEL_SET) -> str:
    """Write the label set; return its path as a recipe names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return str(path)


def tiny_rows(count: int, *, seed: int = 0, words: int = 12) -> list[Row]:
    """Return rows whose labels follow from single words; every third has no ``sub``."""
    drawn = random.Random(seed)
    return [_row(drawn, number, seed, words) for number in range(count)]


def _row(drawn: random.Random, number: int, seed: int, words: int) -> Row:
    sub = drawn.choice(sorted(_SAID))
    flags = [name for name in ("Polite", "Asks") if drawn.random() < 0.5]
    said = [drawn.choice(_FILL) for _ in range(drawn.randint(words // 2, words))]
    said += (
        [_SAID[sub]] * 3
        + ["thank"] * (2 * ("Polite" in flags))
        + ["please"] * (2 * ("Asks" in flags))
    )
    drawn.shuffle(said)
    labels: dict[str, tuple[str, ...]] = {"main": (_MAIN[sub],)}
    if number % 3:
        labels["sub"] = (sub,)
    if flags:
        labels["flags"] = tuple(flags)
    return Row(
        id=f"{seed}/{number}",
        source="even" if number % 2 == 0 else "odd",
        group=f"{seed}/{number // 2}",
        turns=(RowTurn("customer", " ".join(said)),),
        labels=labels,
        is_synthetic=number % 4 == 0,
    )


def write_splits(work: Path, rows: Mapping[Split, Sequence[Row]] | None = None) -> None:
    """Write prepared rows of all splits."""
    splits: Mapping[Split, Sequence[Row]] = rows or {
        "train": tiny_rows(60, seed=1),
        "validation": tiny_rows(24, seed=2),
        "test": tiny_rows(24, seed=3),
    }
    for split, of_split in splits.items():
        write_rows(rows_path(work, split), of_split)


def write_report(work: Path, *, label_set: str) -> None:
    """Write the report of rows that were prepared for a label set."""
    report = DataReport("0" * 64, label_set, 1, {}, {}, {}, {}, {}, {})
    write_json(work / "data" / REPORT_NAME, report)


def tiny_network_recipe(encoder: Path, **changes: Any) -> NetworkRecipe:
    """Return the recipe of a network that learns the rows in a second."""
    learning: dict[str, Any] = {
        "max_tokens": 32,
        "epochs": 3,
        "batch": 16,
        "learning_rate": 5e-3,
        "head_rate": 2.0,
    }
    settings: dict[str, Any] = {
        "name": "tiny",
        "seed": 5,
        "base": EncoderRecipe(str(encoder), layers=1),
        "head": HeadRecipe("mean"),
        "device": "cpu",
    }
    learning |= changes.pop("learning", {})
    return NetworkRecipe(**(settings | {"learning": Learning(**learning)} | changes))


class Watched:
    """Takes note of a run.

    Args:
        stop_after: Step after which the run is killed; 0 lets it end.
    """

    def __init__(self, stop_after: int = 0) -> None:
        self.steps: list[int] = []
        self.validations: list[dict[str, float]] = []
        self.began_at = -1
        self._stop_after = stop_after

    def __call__(self, step: int) -> Watched:
        """Return itself, as the watcher of a run from a step on."""
        self.began_at = step
        return self

    def advanced(self, step: int, steps: int, figures: StepFigures) -> None:
        """Take note of a step."""
        del steps, figures
        self.steps.append(step)
        if step == self._stop_after:
            raise KeyboardInterrupt

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Take note of a validation."""
        del step
        self.validations.append(dict(figures))


def learn_tiny(
    folder: Path, recipe: NetworkRecipe | None = None, *, resume: bool = False, **options: Any
) -> LearningRecord:
    """Train a network below a folder: rows, label set and encoder are made there.

    Args:
        folder: For everything.
        recipe: By default the tiny one.
        resume: Go on from the last checkpoint.
        options: ``watcher``, ``label_set`` (its text), ``train`` (rows).
    """
    encoder = folder / "encoder"
    recipe = recipe or tiny_network_recipe(encoder if encoder.is_dir() else write_encoder(encoder))
    rows = LearningRows(
        write_label_set(folder / "labels.toml", options.get("label_set", LABEL_SET)),
        options.get("train") or tiny_rows(60, seed=1),
        tiny_rows(24, seed=2),
    )
    folders = LearningFolders(folder / "work", folder / "model")
    return learn(recipe, rows, folders, options.get("watcher") or Watched(), resume=resume)


def learn_well(folder: Path, **options: Any) -> LearningRecord:
    """Train a network that has learnt the rows, in four seconds; see `learn_tiny`."""
    learning = {"epochs": 15, "learning_rate": 1e-2, "patience": 0}
    recipe = tiny_network_recipe(write_encoder(folder / "encoder"), learning=learning)
    return learn_tiny(folder, recipe, train=tiny_rows(120, seed=1), **options)
