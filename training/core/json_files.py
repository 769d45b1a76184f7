"""JSON files, replaced in one go: a reader never sees half of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import orjson

from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

ContentT = TypeVar("ContentT")


def write_json(path: Path, content: object) -> None:
    """Replace the file at ``path`` by indented JSON in one go; structs are taken too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    values = msgspec.to_builtins(content, str_keys=True)
    partial.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2) + b"\n")
    partial.replace(path)


def read_json(path: Path, kind: type[ContentT], *, what: str, written_by: str) -> ContentT:
    """Return the content of a file that a command wrote.

    Args:
        path: Of the file.
        kind: Of the content.
        what: It is, as the error names it: ``a calibration``.
        written_by: Name of the command.

    Raises:
        MissingDataError: It is missing, or of another form.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        message = f"{path} is not there: `{written_by}` writes it"
        raise MissingDataError(message) from error
    except msgspec.DecodeError as error:
        raise MissingDataError(f"{path} is not {what}: {error}") from error
