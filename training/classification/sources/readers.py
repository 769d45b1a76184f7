"""The readers of labelled calls by kind of source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.sources.calls import read_calls
from training.classification.sources.dialogues import (
    read_harper_valley,
    read_multidogo,
    read_sgd,
)
from training.classification.sources.helpline import read_helpline
from training.classification.sources.narratives import read_narratives
from training.classification.sources.questions import (
    read_banking77,
    read_clinc150,
    read_written,
    written_path,
)
from training.classification.sources.written_calls import read_written_calls, written_folder
from training.core.json_lines import as_missing_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from training.classification.sources.protocol import Found, Reader, Reading
    from training.classification.sources.recipe import Source, SourceKind

READERS: Mapping[SourceKind, Reader] = {
    "banking77": read_banking77,
    "clinc150": read_clinc150,
    "sgd": read_sgd,
    "multidogo": read_multidogo,
    "calls": read_calls,
    "written": read_written,
    "written_calls": read_written_calls,
    "harper_valley": read_harper_valley,
    "helpline_calls": read_helpline,
    "narratives": read_narratives,
}


def read_source(reading: Reading) -> Iterator[Found]:
    """Yield the rows of a source, always in the same order.

    Raises:
        MissingDataError: Its files are missing or of another form, or a label is unknown.
        RecipeError: Its intents are not mapped to labels of the label set.
    """
    with as_missing_data(reading.name, reading.path):
        yield from READERS[reading.source.kind](reading)


def source_files(source: Source, data: Path) -> list[Path]:
    """Return the files that decide the rows of a source, beside the code; a generator has none."""
    if not source.path:
        return []
    path = _path(source, data)
    if path.is_file():
        return [path]
    return sorted(each for form in ("*.jsonl.gz", "*.tsv", "*/*.txt") for each in path.glob(form))


def _path(source: Source, data: Path) -> Path:
    if source.kind == "written":
        return written_path(source.path)
    return written_folder(source.path) if source.kind == "written_calls" else data / source.path
