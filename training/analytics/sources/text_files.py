"""Text files and JSON that people bring: any line ends, and the encodings of Windows."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import msgspec

from training.analytics.sources.protocol import UnusableError

if TYPE_CHECKING:
    from pathlib import Path

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 where a byte order mark says so.

    Raises:
        UnusableError: It cannot be read, is empty or of another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableError(f"it cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableError("it is not UTF-8: save it in this encoding") from error
    if not text.strip():
        raise UnusableError("it is empty")
    return text


def read_object(text: str) -> dict[str, Any]:
    """Return the object of a JSON text.

    Raises:
        UnusableError: It is no object.
    """
    try:
        content = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise UnusableError(f"it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UnusableError("it is no JSON object")
    return content
