"""JSON files of published models, which hold one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


def read_object(path: Path) -> dict[str, Any]:
    """Return the object of a file.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelIntegrityError: It holds none.
    """
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ModelNotFoundError(f"no file {path}") from error
    except orjson.JSONDecodeError as error:
        raise ModelIntegrityError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelIntegrityError(f"{path} holds no object")
    return content
