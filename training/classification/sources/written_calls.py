"""Reader of whole calls that were written for this project, with a label for each task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from training.classification.corpus.marked_turns import marked_turns
from training.classification.corpus.rows import SPLITS, Row, Split
from training.classification.sources.intents import FOLDER
from training.classification.sources.labels import named_labels
from training.classification.sources.protocol import Found
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.classification.sources.protocol import Reading


def read_written_calls(reading: Reading) -> Iterator[Found]:
    """Yield the calls of ``train/*.txt``, ``validation/*.txt`` and ``test/*.txt`` of a folder.

    A call has a line ``[label | label]``, with labels of any of the label set's tasks, and a line
    for each turn (see `marked_turns`); an empty line ends it. Labels of parent tasks follow.

    Raises:
        MissingDataError: There is no file, a folder is of no split, a call is of another form, or a
            label is unknown.
    """
    paths = sorted(written_folder(reading.source.path).glob("*/*.txt"))
    if not paths:
        raise MissingDataError(f"{reading.name}: no written calls in {reading.source.path!r}")
    for path in paths:
        split = _split(path, reading.name)
        calls = [each for each in path.read_text("utf-8").split("\n\n") if each.strip()]
        for index, call in enumerate(calls):
            yield Found(_row(reading, call.strip(), f"{split}/{path.stem}/{index:04}"), split)


def written_folder(name: str) -> Path:
    """Return the folder of written calls: one beside this module, or a path."""
    bundled = FOLDER / name
    return bundled if bundled.is_dir() else Path(name)


def _split(path: Path, source: str) -> Split:
    for split in SPLITS:
        if path.parent.name == split:
            return split
    raise MissingDataError(
        f"{source}: {path} stands in a folder of no split; there are {', '.join(SPLITS)}"
    )


def _row(reading: Reading, call: str, place: str) -> Row:
    where = f"{reading.name}: the call {place}"
    heading, _, said = call.partition("\n")
    if not (heading.startswith("[") and heading.endswith("]")):
        raise MissingDataError(f"{where} begins with {heading!r}, not with '[label | label]'")
    try:
        turns = tuple(marked_turns(said))
    except ValueError as error:
        raise MissingDataError(f"{where}: {error}") from error
    if not turns:
        raise MissingDataError(f"{where} has no turns")
    name = f"{reading.name}/{place}"
    return Row(
        id=name,
        source=reading.name,
        group=name,
        turns=turns,
        labels=_labels(reading, [each.strip() for each in heading[1:-1].split("|")], where),
        is_synthetic=True,
        provenance={"file": f"{place.rpartition('/')[0]}.txt"},
    )


def _labels(reading: Reading, given: list[str], where: str) -> dict[str, tuple[str, ...]]:
    by_task: dict[str, str] = {}
    for label in given:
        tasks = [task.name for task in reading.label_set.tasks if task.label_of(label)]
        if len(tasks) != 1 or tasks[0] in by_task:
            raise MissingDataError(f"{where}: {label!r} is no label, or not of one task alone")
        by_task[tasks[0]] = label
    return named_labels(reading.label_set, by_task, where)
