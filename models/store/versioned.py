"""Versions of a model, loaded from disk and exchanged while calls go on."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import msgspec

from models.store.files import content_of, stamp_of
from models.store.layout import (
    ALIASES_FILE,
    CHAMPION,
    SHADOW,
    older_manifests,
    serving_manifests,
    source_path,
    target_of,
)
from models.store.manifest import WeightsManifest, load_manifest, verified_weights
from schemas.errors import CallstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.store.files import Stamp
    from models.store.layout import ModelKind

SETTLED_S = 1.0  # a file changed less than this ago may still be being written


class NamedModel(Protocol):
    """A loaded model; its class must allow weak references."""

    @property
    def name(self) -> str:
        """Return name and version, as they appear in messages."""
        ...


M = TypeVar("M", bound=NamedModel)


class Swap(msgspec.Struct, frozen=True):
    """New files were taken up: calls that ask from now on get them.

    Attributes:
        before: Names of the models until now.
        after: Names of the models from now on.
        alias: Whose version they are.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    alias: str = CHAMPION


class Refusal(msgspec.Struct, frozen=True):
    """New files cannot be used: the models before them stay.

    Attributes:
        reason: One sentence for the operator.
        kept: Names of the models that stay.
        alias: Whose version they are.
    """

    reason: str
    kept: tuple[str, ...]
    alias: str = CHAMPION


@dataclass(frozen=True, slots=True)
class Version(Generic[M]):
    """The models of one version: whole, verified and loaded.

    Attributes:
        loaded: By manifest.
        contents: Of the manifests, which promise that of all other files.
    """

    loaded: Mapping[Path, M]
    contents: tuple[str, ...]

    @property
    def models(self) -> tuple[M, ...]:
        """Return the models in the order of their manifests."""
        return tuple(self.loaded.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the models."""
        return tuple(model.name for model in self.models)


@dataclass(frozen=True, slots=True)
class _Location:
    """Where an alias points, and what the files there looked like.

    Attributes:
        path: A manifest or a folder; None if the alias means nothing.
        stamp: Of all files that this depends on.
        error: Why it is not known where the alias points.
    """

    path: Path | None
    stamp: Stamp
    error: CallstreamError | OSError | None = field(default=None, compare=False)


@dataclass(slots=True)
class _Slot(Generic[M]):
    """What serves under an alias.

    Attributes:
        replaced: Versions that served before, kept loaded.
        version: Without models if nothing serves.
        location: Whose files were taken up or refused last.
        refused: Error and contents of the last refusal; empty after a version was taken up.
    """

    replaced: deque[Version[M]]
    version: Version[M]
    location: _Location | None = None
    refused: tuple[str, ...] = ()


class VersionedStore(Generic[M]):
    """The versions of a model that serve, by alias. Any thread may call any method.

    A version that was handed out stays usable; how files lie is said in `models.store.layout`.

    Args:
        source: ``bundled``, a manifest, a folder of manifests, or a folder of versions.
        kind: Of the model.
        load: Returns the model of a manifest after verifying its files and trying it; raises a
            CallstreamError or OSError if it cannot be used.
        check: Raises a CallstreamError for models of one version, by manifest, that cannot serve
            together.
        others: Aliases beside ``champion`` whose versions are loaded, where there are any.
        keep: Replaced versions that stay loaded for each alias, for calls that come back.
        now: Wall clock in seconds.

    Raises:
        ModelNotFoundError: No model there.
        ModelIntegrityError: It is damaged.
        CallstreamError: Raised by ``load`` or ``check``.
    """

    def __init__(  # noqa: PLR0913  keyword-only settings
        self,
        source: str,
        kind: ModelKind,
        load: Callable[[Path], M],
        *,
        check: Callable[[Mapping[Path, M]], None] = lambda _: None,
        others: Sequence[str] = (),
        keep: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = source_path(source, kind)
        self._kind = kind
        self._load_model = load
        self._check = check
        self._now = now
        self._refreshing = threading.Lock()
        self._by_name: WeakValueDictionary[str, M] = WeakValueDictionary()
        self._by_content: WeakValueDictionary[str, M] = WeakValueDictionary()
        self._missing: set[str] = set()
        self._slots = {
            alias: _Slot[M](deque(maxlen=keep), Version({}, ())) for alias in (CHAMPION, *others)
        }
        location = self._locate(CHAMPION)
        self._install(self._slots[CHAMPION], location, self._load(CHAMPION, location))
        self._untold = [
            change
            for alias in others
            for change in self._look(alias)
            if isinstance(change, Refusal)
        ]

    @property
    def champion(self) -> Version[M]:
        """Return the version that serves."""
        return self.version(CHAMPION)

    def version(self, alias: str) -> Version[M]:
        """Return the version that serves under an alias; one without models if none does."""
        return self._slots[alias].version

    @property
    def challenger(self) -> Version[M]:
        """Return the version that is compared with the one that serves; never that one itself."""
        shadow = self.version(SHADOW)
        return Version({}, ()) if shadow.contents == self.champion.contents else shadow

    def named(self, name: str) -> M | None:
        """Return the model of that name if it is loaded or lies in a version's folder.

        So a call goes on with the version that it began with, also in a process that never served
        it. Loading one may take long; it stays loaded as long as it is held.

        Args:
            name: As `WeightsManifest.versioned_name` has it.
        """
        model = self._by_name.get(name)
        if model is None and name not in self._missing:
            model = self._load_older(name)
        return model

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files; return what that led to, nothing most of the time.

        Loads and tries a changed version, so keep it off an event loop. Files that cannot be used
        are refused once; they are tried again when they change.
        """
        with self._refreshing:
            changes: list[Swap | Refusal] = [*self._untold]
            self._untold.clear()
            for alias in self._slots:
                changes += self._look(alias)
            return changes

    def _look(self, alias: str) -> list[Swap | Refusal]:
        slot, location = self._slots[alias], self._locate(alias)
        if location == slot.location or location.stamp.changed_within(SETTLED_S, self._now()):
            return []
        try:
            fresh = self._load(alias, location)
        except (CallstreamError, OSError) as error:
            return self._refuse(alias, location, error)
        if self._locate(alias) != location:
            return []  # they changed while they were read
        before = slot.version
        self._install(slot, location, fresh)
        if before.contents == fresh.contents:
            return []
        return [Swap(before.names, fresh.names, alias)]

    def _locate(self, alias: str) -> _Location:
        try:
            target = target_of(self._path, alias)
            return _Location(target.path, stamp_of(*target.watched))
        except (CallstreamError, OSError) as error:
            return _Location(None, stamp_of(self._path / ALIASES_FILE), error)

    def _load(self, alias: str, location: _Location) -> Version[M]:
        """Return the version at a location; models that are still loaded are taken over.

        Raises:
            ModelNotFoundError: A file is missing.
            CallstreamError: Raised by ``load`` or ``check``.
        """
        if location.error is not None:
            raise location.error
        if location.path is None and alias != CHAMPION:
            return Version({}, ())
        loaded, contents = {}, []
        for manifest in serving_manifests(self._path, self._kind, alias):
            content = content_of(manifest)
            model = self._by_content.get(content)
            if model is None:
                model = self._load_model(manifest)
            else:
                verified_weights(manifest, load_manifest(manifest, WeightsManifest))
            loaded[manifest] = model
            contents.append(content)
        self._check(loaded)
        return Version(loaded, tuple(contents))

    def _install(self, slot: _Slot[M], location: _Location, fresh: Version[M]) -> None:
        if slot.version.models and slot.version.contents != fresh.contents:
            slot.replaced.append(slot.version)
        slot.location, slot.refused, slot.version = location, (), fresh
        self._missing.clear()
        for content, model in zip(fresh.contents, fresh.models, strict=True):
            self._by_name[model.name] = self._by_content[content] = model

    def _load_older(self, name: str) -> M | None:
        """Return a model that no alias means; remember that there is none that can be used."""
        for manifest in older_manifests(self._path):
            try:
                if load_manifest(manifest, self._kind.manifest).versioned_name == name:
                    model = self._load_model(manifest)
                    self._by_name[name] = self._by_content[content_of(manifest)] = model
                    return model
            except (CallstreamError, OSError):
                continue
        self._missing.add(name)
        return None

    def _refuse(
        self, alias: str, location: _Location, error: CallstreamError | OSError
    ) -> list[Swap | Refusal]:
        """Return the refusal of a content that was not refused before."""
        contents = location.stamp.contents()
        if self._locate(alias) != location:
            return []
        slot = self._slots[alias]
        if isinstance(error, CallstreamError):
            slot.location = location  # what the system refused may go well without any change
        refused = (str(error), *contents)
        if refused == slot.refused:
            return []
        slot.refused = refused
        names = slot.version.names
        kept = f"calls go on with {', '.join(names)}"
        if alias != CHAMPION:
            kept = f"the {alias} stays {', '.join(names)}" if names else f"no {alias} runs"
        return [Refusal(f"{error}; {kept}", names, alias)]
