"""Readers of tables: JSON lines, JSON, CSV, Parquet or plain lines, in a folder or on a hub."""

from __future__ import annotations

import codecs
import csv
import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
import msgspec
import pyarrow.parquet  # type: ignore[import-untyped]
from huggingface_hub.errors import HfHubHTTPError

from training.core.errors import MissingDataError
from training.turns.sources.conversations import Conversation, Turn
from training.turns.sources.recipe import ALL_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from training.turns.sources.recipe import Source

PLAIN_LINES = ".txt"  # only where it is named: in folders such files are licences and notes
_SUFFIXES = frozenset({".jsonl", ".json", ".csv", ".parquet", ".zip"})


def read_table(name: str, source: Source, data: Path) -> Iterator[Conversation]:
    """Yield the conversations of a table, in the order of its files and rows.

    Raises:
        MissingDataError: It is neither local nor on a hub, no row holds a text, or a file
            cannot be read.
    """
    files = table_files(source, data) or _downloaded(name, source)
    if not files:
        message = f"the source {name!r} ({source.path}) has no file that fits {source.files!r}"
        raise MissingDataError(message)
    found = False
    for conversation in _conversations(name, source, _rows(name, files)):
        found = found or bool(conversation.turns)
        yield conversation
    if not found:
        wanted = ", ".join(source.columns.turns)
        message = f"no row of the source {name!r} holds a text in the columns {wanted}"
        raise MissingDataError(message)


def table_files(source: Source, data: Path) -> list[Path]:
    """Return the local files of a table, if any."""
    path = data / source.path
    if path.is_file():
        return [path]
    return _matching(path, source) if path.is_dir() else []


def _matching(folder: Path, source: Source) -> list[Path]:
    files = (path for path in folder.glob(source.files) if path.suffix.lower() in _SUFFIXES)
    return sorted(path for path in files if path.is_file())


def _downloaded(name: str, source: Source) -> list[Path]:
    try:
        folder = huggingface_hub.snapshot_download(
            source.path, repo_type="dataset", allow_patterns=_hub_patterns(source.files)
        )
    except (OSError, ValueError, HfHubHTTPError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MissingDataError(_unreachable(name, source, reason)) from error
    return _matching(Path(folder), source)


def _hub_patterns(files: str) -> list[str] | None:
    """Return the patterns of a hub, where ``*`` also stands for folders; None fetches all."""
    return None if files == ALL_FILES else [files, files.removeprefix("**/")]


def _unreachable(name: str, source: Source, reason: str) -> str:
    return (
        f"the source {name!r} is neither a folder under the data folder nor to be had from a hub "
        f"as {source.path!r} ({reason}); run where a hub can be reached, or download the data set "
        f"elsewhere and give its folder: --set data.sources.{name}.path=FOLDER"
    )


def _rows(name: str, files: Iterable[Path]) -> Iterator[tuple[str, Any]]:
    for path in files:
        try:
            yield from ((f"{path.stem}/{key}", row) for key, row in _file_rows(path))
        except (OSError, ValueError, zipfile.BadZipFile, csv.Error) as error:
            message = f"{path} of the source {name!r} cannot be read: {error}"
            raise MissingDataError(message) from error


def _file_rows(path: Path) -> Iterator[tuple[str, Any]]:
    if path.suffix.lower() == ".parquet":
        yield from _parquet_rows(path)
    elif path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                name = os.path.basename(member)  # noqa: PTH119  no path of ours
                if not name.startswith(".") and not name.lower().endswith(PLAIN_LINES):
                    for key, row in _content_rows(member, archive.read(member)):
                        yield f"{member}/{key}", row
    else:
        yield from _content_rows(path.name, path.read_bytes())


def _content_rows(file_name: str, content: bytes) -> Iterator[tuple[str, Any]]:
    suffix = Path(file_name).suffix.lower()
    if suffix == ".jsonl":
        yield from _numbered(_json_lines(content))
    elif suffix == PLAIN_LINES:
        lines = content.decode("utf-8-sig").splitlines()
        yield from _numbered({"text": line} for line in lines if line.strip())
    elif suffix == ".json":
        decoded = msgspec.json.decode(content)
        yield from _numbered(decoded if isinstance(decoded, list) else [decoded])
    elif suffix == ".csv":
        yield from _numbered(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def _json_lines(content: bytes) -> Iterator[Any]:
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise ValueError(f"line {number}: {error}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[str, Any]]:
    with pyarrow.parquet.ParquetFile(path) as table:
        yield from _numbered(row for batch in table.iter_batches() for row in batch.to_pylist())


def _numbered(rows: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for index, row in enumerate(rows):
        yield f"{index:07}", row


def _conversations(
    name: str, source: Source, rows: Iterable[tuple[str, Any]]
) -> Iterator[Conversation]:
    columns = source.columns
    turns: dict[str, list[Turn]] = {}
    for count, (key, row) in enumerate(rows):
        if source.rows and count >= source.rows:
            break
        _check_columns(name, key, row, columns.turns)
        named = _value(row, columns.conversation) if columns.conversation else None
        conversation = key if named in {None, ""} else str(named)
        turns.setdefault(f"{name}/{conversation}", []).extend(_turns(row, source))
    for conversation, spoken in turns.items():
        yield Conversation(conversation, tuple(spoken), is_punctuated=source.is_punctuated)


def _check_columns(name: str, key: str, row: Any, wanted: tuple[str, ...]) -> None:
    """Refuse a row that has none of the columns; one whose text is empty or null has it.

    Raises:
        MissingDataError: It has other columns.
    """
    if not isinstance(row, dict):
        raise MissingDataError(f"row {key} of the source {name!r} is no object: {row!r:.40}")
    if not row.keys() & {column.partition(".")[0] for column in wanted}:
        has = ", ".join(map(str, row)) or "none"
        message = (
            f"row {key} of the source {name!r} has no column {' or '.join(wanted)}, only {has}: "
            f"data.sources.{name}.columns says where the text is"
        )
        raise MissingDataError(message)


def _turns(row: Any, source: Source) -> Iterator[Turn]:
    columns = source.columns
    label = _value(row, columns.label) if columns.label else None
    is_complete = None if label in {None, ""} else str(label) in columns.complete_labels
    for column in columns.turns:
        value = _value(row, column)
        for item in value if isinstance(value, list) else [value]:
            owner = item if isinstance(item, dict) else row
            speaker = _value(owner, columns.speaker) if columns.speaker else None
            text = item.get(columns.text) if isinstance(item, dict) else item
            if isinstance(text, str):
                yield Turn(
                    tuple(text.split()),
                    source.roles.get(str(speaker), "unknown"),
                    is_complete=is_complete,
                    mixes_speakers=source.mixes_speakers,
                )


def _value(row: Any, column: str) -> Any:
    """Return the value at a dotted path; None where there is none."""
    value = row
    for step in column.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit():
            value = value[int(step)] if -len(value) <= int(step) < len(value) else None
        else:
            return None
    return value
