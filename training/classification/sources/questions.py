"""Readers of single questions: ``banking77``, ``clinc150``, and those written for this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from training.classification.corpus.rows import Row, RowTurn
from training.classification.sources.intents import FOLDER, IntentMap
from training.classification.sources.protocol import Found
from training.core.json_lines import read_gzip_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.classification.corpus.rows import Split
    from training.classification.sources.protocol import Reading


class Banking77Question(msgspec.Struct, frozen=True):
    """A question of ``banking77``."""

    text: str
    category: str


class Clinc150Question(msgspec.Struct, frozen=True):
    """A question of ``clinc150``; the parts that begin with ``oos`` are of no intent."""

    text: str
    intent: str
    split: Literal["train", "val", "oos_train", "oos_val"]


class WrittenQuestions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Questions by label; no caller said them."""

    questions: dict[str, tuple[str, ...]]


class _Questions:
    """Makes the rows of a data set."""

    def __init__(self, reading: Reading, set_name: str) -> None:
        self._source, self._set = reading.name, set_name
        self._intents = IntentMap(reading.source.intents, reading.label_set)

    def row(self, name: str, text: str, intent: str) -> Row:
        return Row(
            id=name,
            source=self._source,
            group=name,
            turns=(RowTurn("customer", text),),
            labels=self._intents.labels(self._set, intent),
            provenance={"set": self._set, "intents": intent},
        )


def read_banking77(reading: Reading) -> Iterator[Found]:
    """Yield the questions, each a row of its own."""
    questions = _Questions(reading, "banking77")
    lines = read_gzip_lines(reading.path / "train.jsonl.gz", Banking77Question)
    for index, one in enumerate(lines):
        yield Found(questions.row(f"banking77/{index:05}", one.text, one.category))


def read_clinc150(reading: Reading) -> Iterator[Found]:
    """Yield the questions; those of its validation part are test rows."""
    questions = _Questions(reading, "clinc150")
    lines = read_gzip_lines(reading.path / "train.jsonl.gz", Clinc150Question)
    for index, one in enumerate(lines):
        split: Split | None = "test" if one.split.endswith("val") else None
        yield Found(questions.row(f"clinc150/{one.split}/{index:05}", one.text, one.intent), split)


def read_written(reading: Reading) -> Iterator[Found]:
    """Yield questions that were written for labels which no data set has."""
    intents = IntentMap(reading.source.intents, reading.label_set)
    path = written_path(reading.source.path)
    written = msgspec.toml.decode(path.read_bytes(), type=WrittenQuestions)
    for label, questions in written.questions.items():
        for index, text in enumerate(questions):
            name = f"{path.stem}/{label}/{index:03}"
            yield Found(
                Row(
                    id=name,
                    source=reading.name,
                    group=name,
                    turns=(RowTurn("customer", text),),
                    labels=intents.labels_of(label),
                    is_synthetic=True,
                    provenance={"file": path.name},
                )
            )


def written_path(name: str) -> Path:
    """Return the file of written questions: one beside this module, or a path."""
    bundled = FOLDER / f"{name}.toml"
    return bundled if bundled.is_file() else Path(name)
