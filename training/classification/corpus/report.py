"""The data report: what the rows of a run are, and what was left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from training.classification.corpus.contradictions import Contradiction
from training.classification.corpus.rows import SPLITS, Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models.classification.label_set import LabelSet
    from training.classification.corpus.rows import Row

SHOWN_CONTRADICTIONS = 20


class Lengths(msgspec.Struct, frozen=True):
    """Words of the turns that are classified, over some rows."""

    total: int
    mean: float
    median: int
    p95: int
    longest: int


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a source that were read and left out.

    Attributes:
        without_words: Nothing was said.
        unlabelled: No label fits; kept in a file of their own.
        contradicted: Their text has several labels of one task.
        copies: Another row has the same text.
        over_limit: Training rows beyond the limit of the source.
        near_copies: They resemble a row of a later split.
    """

    without_words: int = 0
    unlabelled: int = 0
    contradicted: int = 0
    copies: int = 0
    over_limit: int = 0
    near_copies: int = 0


class SourceReport(msgspec.Struct, frozen=True):
    """Rows of a source.

    Attributes:
        read: Before anything was left out.
        dropped: And why.
        rows: By split.
        groups: By split.
        synthetic: Rows that no human wrote.
        words: Of its rows.
    """

    read: int
    dropped: Dropped
    rows: dict[Split, int]
    groups: dict[Split, int]
    synthetic: int
    words: Lengths


class SplitReport(msgspec.Struct, frozen=True):
    """One file of rows."""

    rows: int
    groups: int
    words: Lengths
    sha256: str


class DataReport(msgspec.Struct, frozen=True):
    """The prepared data.

    Attributes:
        fingerprint: Of the recipe, the seed, the label set and the source files.
        label_set: Name and version.
        seed: Of the run.
        sources: By name.
        splits: By split.
        labels: By task and label the rows of each split.
        without_rows: By task the labels that no training row has.
        synthetic_only: By task the labels whose training rows no human wrote.
        contradictions: By task, texts with several labels.
        examples: Some of them.
        seconds: That the preparation took.
    """

    fingerprint: str
    label_set: str
    seed: int
    sources: dict[str, SourceReport]
    splits: dict[Split, SplitReport]
    labels: dict[str, dict[str, dict[Split, int]]]
    without_rows: dict[str, tuple[str, ...]]
    synthetic_only: dict[str, tuple[str, ...]]
    contradictions: dict[str, int]
    examples: tuple[Contradiction, ...] = ()
    seconds: float = 0.0


def lengths(counts: Iterable[int]) -> Lengths:
    """Return what is to be known about numbers of words."""
    ordered = sorted(counts)
    if not ordered:
        return Lengths(0, 0.0, 0, 0, 0)
    return Lengths(
        total=sum(ordered),
        mean=round(sum(ordered) / len(ordered), 1),
        median=ordered[len(ordered) // 2],
        p95=ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
        longest=ordered[-1],
    )


def count_labels(
    rows: Mapping[Split, Sequence[Row]], label_set: LabelSet
) -> dict[str, dict[str, dict[Split, int]]]:
    """Return by task and label the rows of each split, also where there are none."""
    counts: dict[tuple[str, str], Counter[Split]] = defaultdict(Counter)
    for split, of_split in rows.items():
        for row in of_split:
            for task, labels in row.labels.items():
                for label in labels:
                    counts[(task, label)][split] += 1
    return {
        task.name: {
            label: {split: counts[(task.name, label)][split] for split in SPLITS}
            for label in task.names
        }
        for task in label_set.tasks
    }


def labels_without_rows(
    rows: Sequence[Row], label_set: LabelSet, *, human: bool
) -> dict[str, tuple[str, ...]]:
    """Return by task the labels that no row has, or with ``human`` none that a human wrote.

    Of the latter only those that another row has.
    """
    having: dict[str, set[str]] = defaultdict(set)
    written: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for name, labels in row.labels.items():
            having[name].update(labels)
            if not row.is_synthetic:
                written[name].update(labels)
    found = {}
    for task in label_set.tasks:
        wanted = having[task.name] if human else set(task.names)
        without = wanted - (written if human else having)[task.name]
        if without:
            found[task.name] = tuple(name for name in task.names if name in without)
    return found


def markdown(report: DataReport) -> str:
    """Return the report for people."""
    parts = [
        f"# Data of `{report.label_set}`\n",
        _table(
            ("source", "read", *SPLITS, "synthetic", "words", "median", "95 %"),
            [
                (
                    name,
                    one.read,
                    *(one.rows.get(split, 0) for split in SPLITS),
                    one.synthetic,
                    one.words.total,
                    one.words.median,
                    one.words.p95,
                )
                for name, one in report.sources.items()
            ],
        ),
        "## Left out\n",
        _table(
            ("source", *(name.replace("_", " ") for name in Dropped.__struct_fields__)),
            [(name, *msgspec.structs.astuple(one.dropped)) for name, one in report.sources.items()],
        ),
        "## Splits\n",
        _table(
            ("split", "rows", "groups", "words", "mean", "longest"),
            [
                (s, one.rows, one.groups, one.words.total, one.words.mean, one.words.longest)
                for s, one in report.splits.items()
            ],
        ),
        *_label_tables(report),
        *_remarks(report),
    ]
    return "\n".join(parts)


def _label_tables(report: DataReport) -> Iterable[str]:
    for task, labels in report.labels.items():
        yield f"## Rows by `{task}`\n"
        rows = [(label, *(counts[split] for split in SPLITS)) for label, counts in labels.items()]
        yield _table((task, *SPLITS), rows)


def _remarks(report: DataReport) -> Iterable[str]:
    yield "## To be known\n"
    for task, names in report.without_rows.items():
        yield f"- No training row has these labels of `{task}`: {', '.join(names)}."
    for task, names in report.synthetic_only.items():
        yield (
            f"- These labels of `{task}` are learnt from synthetic rows alone: {', '.join(names)}."
        )
    for task, count in report.contradictions.items():
        yield f"- Texts with several labels of `{task}`, whose rows were left out: {count:,}."
    for each in report.examples:
        labels = "; ".join(f"{label} ({len(ids)})" for label, ids in each.labels.items())
        yield f"    - `{each.text}`: {each.task}: {labels}"
    yield f"- The preparation took {report.seconds:,.0f} s.\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
        return f"| {' | '.join(shown)} |"

    rule = ["---", *("---:" for _ in columns[1:])]
    return "\n".join([line(columns), line(rule), *map(line, rows), ""])
