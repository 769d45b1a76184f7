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
    path = written_path(source.path) if source.kind == "written" else data / source.path
    if not source.path or path.is_file():
        return [path] if source.path else []
    return sorted([*path.glob("*.jsonl.gz"), *path.glob("*.tsv")])
