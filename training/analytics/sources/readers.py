"""Which reader reads which kind of source, and what files decide what it yields."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from models.store.manifest import sha256_of
from training.analytics.sources.analysed import analysed_files, read_analysed
from training.analytics.sources.chatml import read_chatml
from training.analytics.sources.composed import composed_files, read_composed
from training.analytics.sources.recipe import Analysed, ChatML, Composed
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from training.analytics.sources.protocol import Found, LeftOut, Reading
    from training.analytics.sources.recipe import Source

_READERS: Mapping[type[Source], Callable[[Any], Iterator[Found | LeftOut]]] = {
    Composed: read_composed,
    Analysed: read_analysed,
    ChatML: read_chatml,
}


def read_source(reading: Reading[Any]) -> Iterator[Found | LeftOut]:
    """Yield the calls of a source, always in the same order, and what had to be left out.

    Raises:
        MissingDataError: Its files are missing.
        RecipeError: It is of another guide.
    """
    yield from _READERS[type(reading.source)](reading)


def source_files(source: Source, data: Path) -> list[Path]:
    """Return the files that decide the calls of a source.

    Raises:
        MissingDataError: There are none.
    """
    if isinstance(source, Composed):
        return composed_files(source, data)
    if isinstance(source, Analysed):
        return analysed_files(source, data)
    return [data / source.path]


def files_sha256(paths: list[Path]) -> str:
    """Return the hash of files with their names.

    Raises:
        MissingDataError: One cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
        except OSError as error:
            raise MissingDataError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()
