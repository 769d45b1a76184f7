"""Prepared calls on disk: a file for each split, and the manifest that they must match."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from training.analytics.corpus.examples import Example
from training.analytics.corpus.manifest import MANIFEST, CorpusManifest, FileWritten
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from training.core.splits import Split

PREPARE = "callstream train analytics-prepare"


def data_folder(folder: Path) -> Path:
    """Return the folder of the splits: ``data`` in that of a run, or the one that is given."""
    inner = folder / "data"
    return inner if inner.is_dir() else folder


def split_name(split: Split) -> str:
    """Return the name of the file of a split."""
    return f"{split}.jsonl"


def read_split(folder: Path, split: Split) -> list[Example]:
    """Return the calls of a split.

    Args:
        folder: Of a run, or with the splits.
        split: Which one.

    Raises:
        MissingDataError: The file is missing, is not the one that the manifest beside it names,
            is of another form, or has no calls.
    """
    data = data_folder(folder)
    path = data / split_name(split)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingDataError(f"{path} is not there: `{PREPARE}` writes it") from error
    if (data / MANIFEST).is_file():
        written = read_manifest(data).files.get(path.name)
        if written is None or hashlib.sha256(content).hexdigest() != written.sha256:
            raise MissingDataError(
                f"{path} is not the file that {MANIFEST} beside it names: run `{PREPARE}` again"
            )
    try:
        found = msgspec.json.Decoder(Example).decode_lines(content)
    except msgspec.DecodeError as error:
        message = f"{path} is no file of analysed calls ({error}): `{PREPARE}` writes it"
        raise MissingDataError(message) from error
    if not found:
        raise MissingDataError(f"{path} has no calls: run `{PREPARE}` with a larger split")
    return found


def read_manifest(data: Path) -> CorpusManifest:
    """Return the manifest of prepared calls.

    Raises:
        MissingDataError: It is missing, or of another form.
    """
    path = data / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=CorpusManifest)
    except OSError as error:
        raise MissingDataError(f"{path} is not there: `{PREPARE}` writes it") from error
    except msgspec.DecodeError as error:
        message = f"{path} is no manifest of prepared calls ({error}): run `{PREPARE}` again"
        raise MissingDataError(message) from error


def write_lines(path: Path, rows: Iterable[object]) -> FileWritten:
    """Replace a file by rows of JSON lines in one go, and return what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    encoder, digest, lines = msgspec.json.Encoder(), hashlib.sha256(), 0
    with partial.open("wb") as file:
        for row in rows:
            line = encoder.encode(row) + b"\n"
            digest.update(line)
            file.write(line)
            lines += 1
    partial.replace(path)
    return FileWritten(lines=lines, sha256=digest.hexdigest())
