"""JSON files, replaced in one go: a reader never sees half of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import orjson

if TYPE_CHECKING:
    from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Replace the file at ``path`` by indented JSON in one go; structs are taken too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    values = msgspec.to_builtins(content, str_keys=True)
    partial.write_bytes(orjson.dumps(values, option=orjson.OPT_INDENT_2) + b"\n")
    partial.replace(path)
