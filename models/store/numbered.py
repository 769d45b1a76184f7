"""The versions of a model by what people call them, and the way back to an older one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from models.store.layout import CHAMPION, point_alias, target_of, versions_in
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_SPOKEN = re.compile(r"v?(\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"\d+$")


def known_versions(folder: Path) -> list[str]:
    """Return the names of the versions in a folder, the highest number last.

    Raises:
        ConfigurationError: It has none.
    """
    found = versions_in(folder)
    if not found:
        raise ConfigurationError(
            f"{folder} has no versions: give the folder with a sub-folder for each, such as "
            "helpline1"
        )
    return found


def find_version(folder: Path, text: str) -> str:
    """Return the name of a version from its name or number: ``helpline3``, ``v3`` or ``3``.

    Raises:
        ConfigurationError: There is none, or the number is that of several.
    """
    known = known_versions(folder)
    if text in known:
        return text
    spoken = _SPOKEN.fullmatch(text)
    found = [name for name in known if spoken and number_of(name) == int(spoken[1])]
    if len(found) != 1:
        raise ConfigurationError(f"{folder} has no version {text!r}: there are {', '.join(known)}")
    return found[0]


def champion_of(folder: Path) -> str:
    """Return the name of the version that serves; empty where none does.

    Raises:
        ModelIntegrityError: ``aliases.json`` is damaged.
    """
    path = target_of(folder, CHAMPION).path
    return path.name if path is not None and path != folder else ""


def roll_back(folder: Path) -> tuple[str, str]:
    """Let the version before the champion serve; return the names of both, the older one last.

    Raises:
        ConfigurationError: There is no older version.
        ModelIntegrityError: ``aliases.json`` is damaged.
    """
    known, champion = known_versions(folder), champion_of(folder)
    older = [name for name in known if number_of(name) < number_of(champion)]
    if not older:
        raise ConfigurationError(f"{champion} is the oldest version in {folder}: none is before it")
    point_alias(folder, CHAMPION, older[-1])
    return champion, older[-1]


def number_of(version: str) -> int:
    """Return the number at the end of a version's name; 0 without one."""
    found = _NUMBER.search(version)
    return int(found[0]) if found else 0
