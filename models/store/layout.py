"""Where the versions of a model lie on disk, and which of them an alias means.

Either a model has one version: a manifest, or a folder of manifests that belong together, and the
manifest is written last. Or its folder has a sub-folder for each version (``v1``, ``v2`` ..), each
such a folder of manifests, and ``aliases.json`` says which of them serve::

    turns/v1/  turns/v2/  turns/v3/
    turns/aliases.json        {"champion": "v2", "shadow": "v3"}

Without an alias ``champion`` the version of the highest number that has a manifest serves. A
rollback points the alias to an older version, which stays on disk for that.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import orjson

from models.store.files import find_manifests
from models.store.manifest import (
    REINSTALL,
    WEIGHTS,
    WeightsManifest,
    load_manifest,
    verified_weights,
)
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

BUNDLED = "bundled"
CHAMPION = "champion"  # serves
SHADOW = "shadow"  # is asked the same and compared
ALIASES_FILE = "aliases.json"
_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class ModelKind:
    """Models for one purpose.

    Attributes:
        title: As errors name them.
        bundled: Name of the folder with the bundled one.
        hint: What to give instead of a path that holds none.
        manifest: What theirs are read as; it decides what a version is called.
    """

    title: str
    bundled: str
    hint: str
    manifest: type[WeightsManifest] = WeightsManifest


def source_path(source: str, kind: ModelKind) -> Path:
    """Return the folder or manifest that a setting means: ``bundled``, or a path."""
    return WEIGHTS / kind.bundled if source == BUNDLED else Path(source).expanduser()


class Target(NamedTuple):
    """What an alias means.

    Attributes:
        path: A manifest or a folder of them; None if the alias means nothing.
        watched: Files and folders that this, or what is there, depends on.
    """

    path: Path | None
    watched: tuple[Path, ...]


def target_of(path: Path, alias: str) -> Target:
    """Return what an alias means in a folder; the target of ``champion`` may hold no model.

    Raises:
        ModelIntegrityError: ``aliases.json`` is damaged.
    """
    file, aliases = path / ALIASES_FILE, read_aliases(path)
    if aliases is not None and alias in aliases:
        return Target(path / aliases[alias], (file, path / aliases[alias]))
    if alias != CHAMPION:
        return Target(None, (file,))
    if path.is_file():
        return Target(path, (path.parent,))
    if aliases is None and find_manifests(path):
        return Target(path, (path,))
    return Target(newest_version(path) or path, (path, *_numbered(path)))


def versions_in(path: Path) -> list[str]:
    """Return the names of the numbered versions in a folder, the highest number last."""
    return [folder.name for folder in _numbered(path) if find_manifests(folder)]


def older_manifests(path: Path) -> list[Path]:
    """Return the manifests of all versions in a folder, those of the highest number first."""
    return [each for folder in reversed(_numbered(path)) for each in find_manifests(folder)]


def newest_version(path: Path) -> Path | None:
    """Return the version of the highest number that has a manifest."""
    return next((each for each in reversed(_numbered(path)) if find_manifests(each)), None)


def _numbered(path: Path) -> list[Path]:
    """Return the sub-folders whose names end with a number, the highest last."""
    if not path.is_dir():
        return []
    found = [
        (int(number[0]), folder)
        for folder in path.iterdir()
        if (number := _NUMBER.search(folder.name)) and folder.is_dir()
    ]
    return [folder for _, folder in sorted(found)]


def serving_manifests(path: Path, kind: ModelKind, alias: str = CHAMPION) -> list[Path]:
    """Return the manifests of the version that an alias means.

    Raises:
        ModelNotFoundError: It has no version.
        ModelIntegrityError: ``aliases.json`` is damaged.
    """
    version = target_of(path, alias).path
    found = find_manifests(version) if version else []
    if not found:
        hint = REINSTALL if path.is_relative_to(WEIGHTS) else kind.hint
        raise ModelNotFoundError(f"no {kind.title} at {version or path}: {hint}")
    return found


def read_aliases(path: Path) -> dict[str, str] | None:
    """Return the version of each alias in a folder; None if there is no ``aliases.json``.

    Raises:
        ModelIntegrityError: ``aliases.json`` is damaged, or names what is not a sub-folder.
    """
    file = path / ALIASES_FILE
    try:
        aliases = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelIntegrityError(
            f"{file} is damaged ({error}): write names of versions by alias"
        ) from error
    for alias, name in aliases.items():
        if not _is_name(name):
            raise ModelIntegrityError(f"{file}: {alias!r} means {name!r}, not a sub-folder")
    return aliases


def _is_name(name: str) -> bool:
    return name not in {"", "..", "."} and Path(name).name == name


def point_alias(path: Path, alias: str, version: str) -> None:
    """Let an alias mean a version: a promotion, or a rollback. Whole or not at all.

    A shadow that is promoted is no shadow any more.

    Args:
        path: Folder of the versions.
        alias: ``champion``, ``shadow`` or another.
        version: Name of a sub-folder.

    Raises:
        ConfigurationError: There is no such version, or the champion is to be its own shadow.
        ModelNotFoundError: A file of the version is missing.
        ModelIntegrityError: A file of it, or ``aliases.json``, is damaged.
    """
    manifests = find_manifests(path / version) if _is_name(version) else []
    if not manifests:
        known = ", ".join(versions_in(path)) or "none"
        raise ConfigurationError(f"{path} has no version {version!r}: there are {known}")
    for manifest in manifests:
        verified_weights(manifest, load_manifest(manifest, WeightsManifest))
    if alias == SHADOW and target_of(path, CHAMPION).path == path / version:
        raise ConfigurationError(f"{version} serves: a shadow is another version beside it")
    with _changing_aliases(path) as aliases:
        aliases[alias] = version
        if alias == CHAMPION and aliases.get(SHADOW) == version:
            del aliases[SHADOW]


def end_shadow(path: Path) -> str:
    """Let no version run in shadow any more; return the name of the one that did, empty for none.

    Args:
        path: Folder of the versions.

    Raises:
        ModelIntegrityError: ``aliases.json`` is damaged.
    """
    if SHADOW not in (read_aliases(path) or {}):
        return ""
    with _changing_aliases(path) as aliases:
        return aliases.pop(SHADOW, "")


@contextmanager
def _changing_aliases(path: Path) -> Iterator[dict[str, str]]:
    """Give the aliases to change, and write them; two processes do so one after the other."""
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        aliases = dict(read_aliases(path) or {})
        yield aliases
        partial = path / f".{ALIASES_FILE}.{os.getpid()}"
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
        partial.write_bytes(orjson.dumps(aliases, option=options))
        partial.replace(path / ALIASES_FILE)
    finally:
        os.close(folder)
