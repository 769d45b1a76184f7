"""The files of an end-of-turn model: which belong to a set, and whether they changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from models.registry import REINSTALL, WEIGHTS
from schemas.errors import ModelNotFoundError

BUNDLED = "bundled"
WATCHED = {".json", ".onnx"}
_PROMISE = b'"sha256"'  # what a manifest has and other JSON has not
_HINT = "give a folder or a manifest that `callstream train turns-export` wrote, or 'bundled'"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the files of a folder looked like, without reading them.

    Attributes:
        files: Name, time of the last change in ns, size and inode of each.
    """

    files: tuple[tuple[str, int, int, int], ...]

    def changed_within(self, seconds: float, now_s: float) -> bool:
        """Return whether a file was written that short a while before ``now_s``."""
        return any(0 <= now_s - changed_ns / 1e9 < seconds for _, changed_ns, _, _ in self.files)


def source_path(source: str) -> Path:
    """Return the folder or manifest that a setting means."""
    return WEIGHTS / "turns" if source == BUNDLED else Path(source).expanduser()


def find_manifests(path: Path) -> list[Path]:
    """Return the manifests of a set: the file itself, or those in the folder.

    Raises:
        ModelNotFoundError: There is none.
    """
    if path.is_file():
        return [path]
    found = [file for file in sorted(path.glob("*.json")) if _PROMISE in file.read_bytes()]
    if not found:
        hint = REINSTALL if path.is_relative_to(WEIGHTS) else _HINT
        raise ModelNotFoundError(f"no end-of-turn model at {path}: {hint}")
    return found


def stamp_of(path: Path) -> Stamp:
    """Return what the files of a set look like now."""
    folder = path if path.is_dir() else path.parent
    files = []
    for file in sorted(folder.glob("*")):
        if file.suffix not in WATCHED:
            continue
        try:
            about = file.stat()
        except FileNotFoundError:
            continue  # moved away in this moment, or a link to nothing
        files.append((file.name, about.st_mtime_ns, about.st_size, about.st_ino))
    return Stamp(tuple(files))


def content_of(path: Path) -> str:
    """Return what tells the content of a file from all others; empty for a missing file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def contents_of(path: Path, stamp: Stamp) -> tuple[str, ...]:
    """Return the content of every file of a stamp."""
    folder = path if path.is_dir() else path.parent
    return tuple(content_of(folder / name) for name, *_ in stamp.files)
