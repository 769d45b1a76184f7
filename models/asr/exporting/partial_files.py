"""Where exports are written before they are whole, and what killed ones have left there.

The owner is part of the name: a killed process removes nothing itself. Several hosts or containers
may share a cache, and none sees the processes of the others.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOREIGN_S = 3_600.0  # an export of another host that nobody wrote to for so long was killed
_OWNER = re.compile(r".*\.(?:(?P<host>[^.@]+)@)?(?P<process>\d+)\.partial")


@contextlib.contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside a file to be, to move whole files from; it is removed at last.

    What killed exports left beside the file is removed as well.

    Args:
        path: Of the file; its folder exists.
    """
    remove_leftovers(path.parent)
    folder = path.with_name(f"{path.name}.{this_host()}@{os.getpid()}.partial")
    _remove(folder)  # of a killed process that had the same number
    folder.mkdir()
    try:
        yield folder
    finally:
        _remove(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what exports have left whose process is gone."""
    for path in folder.glob("*.partial"):
        owner = _OWNER.fullmatch(path.name)
        if owner is not None and _is_left(path, owner["host"], int(owner["process"])):
            _remove(path)


def _is_left(path: Path, host: str | None, process: int) -> bool:
    if host in (None, this_host()):
        return not _is_running(process)
    try:
        return time.time() - path.stat().st_mtime > FOREIGN_S
    except FileNotFoundError:
        return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def this_host() -> str:
    """Return what tells this host from others, as part of a file name."""
    return re.sub(r"[.@/\s]", "-", platform.node()) or "here"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
