"""Stores whose versions have one model each, which answers for one name: a label set, a guide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from models.store.layout import BUNDLED, SHADOW, ModelKind
from models.store.manifest import WEIGHTS
from models.store.versioned import M, VersionedStore
from schemas.errors import ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class SingleModel(Generic[M]):
    """What a store has to know of its models.

    Attributes:
        load: As of `VersionedStore`.
        name_of: Returns the name that a model answers for.
        title: What that name is of, as errors say it.
    """

    load: Callable[[Path], M]
    name_of: Callable[[M], str]
    title: str


def open_single(
    name: str, source: str, kind: ModelKind, model: SingleModel[M], *, now: Callable[[], float]
) -> VersionedStore[M]:
    """Return the versions of the model for a name, challengers included.

    Args:
        name: That the model has to answer for.
        source: As of `VersionedStore`; ``bundled`` is the manifest of that name.
        kind: Of the model.
        model: How it is loaded and checked.
        now: Wall clock in seconds.

    Raises:
        CallstreamError: As of `VersionedStore`.
    """
    path = str(WEIGHTS / kind.bundled / f"{name}.json") if source == BUNDLED else source

    def check(loaded: Mapping[Path, M]) -> None:
        if len(loaded) != 1:
            raise ModelIntegrityError(f"{path}: a version has one model, not {len(loaded)}")
        (found,) = map(model.name_of, loaded.values())
        if found != name:
            raise ModelIntegrityError(f"{path} has the {model.title} {found!r}, not {name!r}")

    return VersionedStore(path, kind, model.load, check=check, others=(SHADOW,), now=now)
