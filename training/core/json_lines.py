"""Files of JSON lines that a data set ships, and the error of one that is missing or broken."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RowT = TypeVar("RowT")


def read_gzip_lines(path: Path, kind: type[RowT]) -> list[RowT]:
    """Return the rows of a gzipped file of JSON lines; see `as_missing_data` for its errors."""
    with gzip.open(path) as lines:
        return msgspec.json.Decoder(kind).decode_lines(lines.read())


@contextmanager
def as_missing_data(name: str, folder: Path) -> Iterator[None]:
    """Turn what can go wrong while the files of a source are read into one error.

    Raises:
        MissingDataError: A file is missing, broken or of another form.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        message = (
            f"the data of the source {name!r} cannot be read from {folder}: {error}; "
            "give the folder that holds text/ with --data"
        )
        raise MissingDataError(message) from error
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        AttributeError,
        KeyError,
        TypeError,
    ) as error:
        message = f"the data of the source {name!r} in {folder} has another form: {error!r}"
        raise MissingDataError(message) from error
