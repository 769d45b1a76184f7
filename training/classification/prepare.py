"""Prepared data of a run: the rows of every split, and the report about them."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.store.manifest import sha256_of
from training.classification.corpus.composition import SOURCE, compose_calls
from training.classification.corpus.contradictions import drop_contradicted, find_contradictions
from training.classification.corpus.leaks import refuse_leaks
from training.classification.corpus.report import (
    SHOWN_CONTRADICTIONS,
    DataReport,
    Dropped,
    SourceReport,
    SplitReport,
    count_labels,
    labels_without_rows,
    lengths,
    markdown,
)
from training.classification.corpus.rows import (
    SPLITS,
    Row,
    Split,
    rows_path,
    spoken_text,
    unlabelled_path,
    write_rows,
)
from training.classification.corpus.splitting import group_rows
from training.classification.corpus.spreading import spread_over_labels
from training.classification.data_recipe import check_recipe, stratified_task
from training.classification.sources.protocol import Reading
from training.classification.sources.readers import read_source, source_files
from training.core.errors import MissingDataError
from training.core.json_files import write_json
from training.core.splits import assign_splits
from training.text.repeats import drop_copies, drop_near_copies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from models.classification.label_set import LabelSet
    from training.classification.corpus.contradictions import Contradiction
    from training.classification.corpus.report import Lengths
    from training.classification.data_recipe import DataRecipe
    from training.classification.sources.protocol import Found

REPORT_NAME = "report.json"
_CODE = ("corpus", "sources", "narratives")  # folders whose files decide the rows too
_SHARED = ("core/splits.py", "text/repeats.py", "text/near_duplicates.py")  # likewise


def _silent(_: str) -> None:
    """Take in what is being done, and do nothing."""


def prepare(
    recipe: DataRecipe,
    data: Path,
    work: Path,
    seed: int,
    progress: Callable[[str], None] = _silent,
) -> DataReport:
    """Write the rows of a recipe below ``work/data``; the same seed writes the same bytes.

    Data that were prepared before from the same recipe, seed, label set, code and source files
    are kept.

    Args:
        recipe: Table ``[data]`` of a run.
        data: Folder that the sources' paths are relative to.
        work: Folder of the run.
        seed: Of the run.
        progress: Is told what is being done.

    Raises:
        ConfigurationError: The recipe is not valid.
        MissingDataError: A source is not there, or nothing is left to learn from.
        LeakingSplitsError: A text or a group is in two splits.
    """
    label_set = check_recipe(recipe)
    fingerprint = _fingerprint(recipe, label_set, data, seed)
    existing = _existing_report(work, fingerprint)
    if existing:
        return existing
    begun = time.monotonic()
    preparation = _Preparation(recipe, label_set, seed, progress)
    rows = preparation.rows(data)
    progress("leak check")
    refuse_leaks(rows, label_set)
    progress("writing")
    for split, of_split in rows.items():
        write_rows(rows_path(work, split), of_split)
    write_rows(unlabelled_path(work), preparation.unlabelled)
    report = preparation.report(rows, work, fingerprint, time.monotonic() - begun)
    write_json(work / "data" / REPORT_NAME, report)
    (work / "data" / "report.md").write_text(markdown(report), "utf-8")
    return report


def read_report(work: Path) -> DataReport:
    """Return the report about the data of a run.

    Raises:
        MissingDataError: No data were prepared, or another version prepared them.
    """
    path = work / "data" / REPORT_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=DataReport)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path} is not a report of prepared data ({error}); prepare the data again"
        raise MissingDataError(message) from error


class _Preparation:
    """The steps from the sources to the rows, with what each of them leaves out."""

    def __init__(
        self, recipe: DataRecipe, label_set: LabelSet, seed: int, progress: Callable[[str], None]
    ) -> None:
        self._recipe, self._labels, self._seed = recipe, label_set, seed
        self._progress = progress
        self._task = stratified_task(recipe, label_set)
        self._texts: dict[str, str] = {}
        self._read: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = {}
        self._contradictions: list[Contradiction] = []
        self.unlabelled: list[Row] = []

    def rows(self, data: Path) -> dict[Split, list[Row]]:
        """Return the rows by split."""
        rows = self._split(self._labelled(self._found(data)))
        self._progress("repeats")
        self._contradictions = find_contradictions(rows, self._texts)
        rows = self._step(
            "contradicted",
            rows,
            drop_contradicted(rows, self._texts, self._contradictions),
        )
        rows = self._step("copies", rows, drop_copies(rows, self._texts))
        rows = self._step("over_limit", rows, self._limited(rows))
        self._progress("near copies")
        near = self._recipe.near_copy
        rows = self._step("near_copies", rows, drop_near_copies(rows, self._texts, near))
        self._progress("composing calls")
        composed = compose_calls(rows, self._recipe.composition, self._task, self._seed)
        rows = self._with_composed(rows, composed)
        if not rows["train"]:
            raise MissingDataError("the sources leave no training row with a label")
        for split, of_split in rows.items():
            random.Random(f"{self._seed}/order/{split}").shuffle(of_split)
        return rows

    def report(
        self, rows: Mapping[Split, Sequence[Row]], work: Path, fingerprint: str, seconds: float
    ) -> DataReport:
        """Return what was done."""
        return DataReport(
            fingerprint=fingerprint,
            label_set=self._labels.versioned_name,
            seed=self._seed,
            sources={name: self._source_report(name, rows) for name in self._read},
            splits={
                split: SplitReport(
                    rows=len(of_split),
                    groups=len({row.group for row in of_split}),
                    words=self._lengths(of_split),
                    sha256=_sha256(rows_path(work, split)),
                )
                for split, of_split in rows.items()
            },
            labels=count_labels(rows, self._labels),
            without_rows=labels_without_rows(rows["train"], self._labels, human=False),
            synthetic_only=labels_without_rows(rows["train"], self._labels, human=True),
            contradictions=dict(Counter(each.task for each in self._contradictions)),
            examples=tuple(self._contradictions[:SHOWN_CONTRADICTIONS]),
            seconds=round(seconds, 1),
        )

    def _found(self, data: Path) -> list[Found]:
        found = []
        for name, source in self._recipe.sources.items():
            self._progress(name)
            self._dropped[name] = Counter()
            reading = Reading(name, source, data, self._labels, self._seed)
            for one in read_source(reading):
                self._read[name] += 1
                found.append(one)
        return found

    def _labelled(self, found: Iterable[Found]) -> list[Found]:
        kept = []
        for one in found:
            row = one.row
            text = spoken_text(row, self._labels)
            if row.id in self._texts:
                raise MissingDataError(f"{row.source} has two rows with the id {row.id!r}")
            self._texts[row.id] = text
            if not text:
                self._dropped[row.source]["without_words"] += 1
            elif not row.labels:
                self._dropped[row.source]["unlabelled"] += 1
                self.unlabelled.append(row)
            else:
                kept.append(one)
        return kept

    def _split(self, found: Sequence[Found]) -> dict[Split, list[Row]]:
        sources = self._recipe.sources
        pinned = [(one.row, one.split or sources[one.row.source].split or None) for one in found]
        groups = group_rows(pinned, self._task)
        shares = {name: self._recipe.shares(source) for name, source in sources.items()}
        splits = assign_splits(groups, shares, self._seed)
        rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
        for one in found:
            rows[splits[one.row.group]].append(one.row)
        return rows

    def _limited(self, rows: Mapping[Split, Sequence[Row]]) -> dict[Split, list[Row]]:
        kept: list[Row] = []
        for name, source in self._recipe.sources.items():
            of_source = [row for row in rows["train"] if row.source == name]
            if source.limit:
                draw = random.Random(f"{self._seed}/limit/{name}")
                of_source = spread_over_labels(of_source, source.limit, self._task, draw)
            kept += of_source
        return {**{split: list(rows[split]) for split in SPLITS}, "train": kept}

    def _with_composed(
        self, rows: dict[Split, list[Row]], composed: Mapping[Split, Sequence[Row]]
    ) -> dict[Split, list[Row]]:
        count = sum(len(of_split) for of_split in composed.values())
        if count:
            self._read[SOURCE] = count
            self._dropped[SOURCE] = Counter()
            for of_split in composed.values():
                self._texts |= {row.id: spoken_text(row, self._labels) for row in of_split}
        return {split: [*rows[split], *composed[split]] for split in SPLITS}

    def _step(
        self, reason: str, before: Mapping[Split, Sequence[Row]], after: dict[Split, list[Row]]
    ) -> dict[Split, list[Row]]:
        """Count what a step has left out, by source."""
        for split in SPLITS:
            left_out = Counter(row.source for row in before[split])
            left_out.subtract(row.source for row in after[split])
            for source, count in left_out.items():
                self._dropped[source][reason] += count
        return after

    def _source_report(self, name: str, rows: Mapping[Split, Sequence[Row]]) -> SourceReport:
        by_split = {
            split: [row for row in of_split if row.source == name]
            for split, of_split in rows.items()
        }
        every = [row for of_split in by_split.values() for row in of_split]
        return SourceReport(
            read=self._read[name],
            dropped=Dropped(**self._dropped[name]),
            rows={split: len(of_split) for split, of_split in by_split.items()},
            groups={split: len({row.group for row in ones}) for split, ones in by_split.items()},
            synthetic=sum(row.is_synthetic for row in every),
            words=self._lengths(every),
        )

    def _lengths(self, rows: Iterable[Row]) -> Lengths:
        return lengths(len(self._texts[row.id].split()) for row in rows)


def _existing_report(work: Path, fingerprint: str) -> DataReport | None:
    try:
        report = read_report(work)
    except MissingDataError:
        return None
    is_whole = unlabelled_path(work).is_file() and all(
        rows_path(work, split).is_file() and _sha256(rows_path(work, split)) == about.sha256
        for split, about in report.splits.items()
    )
    return report if is_whole and report.fingerprint == fingerprint else None


def _fingerprint(recipe: DataRecipe, label_set: LabelSet, data: Path, seed: int) -> str:
    parts = [str(seed)]
    parts += [msgspec.json.encode(each, order="sorted").decode() for each in (recipe, label_set)]
    files = [path for source in recipe.sources.values() for path in source_files(source, data)]
    named = (recipe.composition.frames, *(each.intents for each in recipe.sources.values()))
    files += [Path(name) for name in named if name and Path(name).is_file()]
    here = Path(__file__).parent
    files += sorted(
        path
        for folder in _CODE
        for path in (here / folder).rglob("*")
        if path.suffix in {".py", ".toml", ".txt"}
    )
    files += [here.parent / name for name in _SHARED]
    # The folder too: it may be the name of a split
    parts += [f"{path.parent.name}/{path.name} {_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise MissingDataError(f"{path} cannot be read: {error.strerror}") from error
