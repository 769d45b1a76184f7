"""Files of models: what belongs to one, whether they changed, what they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from stat import S_ISDIR
from typing import TYPE_CHECKING

from models.store.manifest import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

_FILE_NAME = re.compile(r"\w[\w.-]*")
_PROMISE = b'"sha256"'  # what a manifest has and other JSON has not


@dataclass(frozen=True, slots=True)
class Stamp:
    """What files looked like, without reading them.

    Attributes:
        files: Path, time of the last change in ns, size and inode of each.
    """

    files: tuple[tuple[Path, int, int, int], ...]

    def changed_within(self, seconds: float, now_s: float) -> bool:
        """Return whether a file was written less than ``seconds`` before ``now_s``."""
        return any(0 <= now_s - changed_ns / 1e9 < seconds for _, changed_ns, _, _ in self.files)

    def contents(self) -> tuple[str, ...]:
        """Return the content of every file."""
        return tuple(content_of(path) for path, *_ in self.files)


def is_file_name(name: str) -> bool:
    """Return whether files can begin with a name: of letters, digits, ``_``, ``-`` and ``.``."""
    return _FILE_NAME.fullmatch(name) is not None


def find_manifests(path: Path) -> list[Path]:
    """Return the manifests of a version: the file itself, or those in the folder; maybe none."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.glob("*.json")) if _PROMISE in file.read_bytes()]


def stamp_of(*paths: Path) -> Stamp:
    """Return what files look like now.

    Args:
        paths: Each a file or a folder, which stands for the files in it; hidden files and those
            that do not exist are left out.
    """
    files = []
    for file in (file for path in paths for file in _files_of(path)):
        try:
            about = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue  # moved away in this moment, or a link to nothing
        if not (S_ISDIR(about.st_mode) or file.name.startswith(".")):
            files.append((file, about.st_mtime_ns, about.st_size, about.st_ino))
    return Stamp(tuple(files))


def _files_of(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        return [path]


def content_of(path: Path) -> str:
    """Return what tells the content of a file from all others; empty if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return ""
