"""Which end-of-turn model judges a call, and taking up new files while calls go on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec

from models.languages import primary_subtag
from models.registry import verified_weights
from models.turns.detector import TurnDetector
from models.turns.files import (
    BUNDLED,
    content_of,
    contents_of,
    find_manifests,
    source_path,
    stamp_of,
)
from models.turns.manifest import GENERAL, load_turn_manifest
from schemas.errors import CallstreamError, ConfigurationError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.turns.files import Stamp

SETTLED_S = 1.0  # a file changed less than this ago may still be being written


class Route(msgspec.Struct, frozen=True):
    """Which calls and parties a variant judges; an empty field fits all.

    Attributes:
        variant: Of the model.
        party: ``agent`` or ``customer``.
        domain: Of the call.
        language: Of the call, compared without its region.
    """

    variant: str
    party: str = ""
    domain: str = ""
    language: str = ""

    def fits(self, *, party: str, domain: str, language: str) -> bool:
        """Return whether this route is meant for what a party of a call says."""
        wanted = (
            (self.party, party),
            (self.domain, domain),
            (primary_subtag(self.language), language),
        )
        return all(field in {"", value} for field, value in wanted)


@dataclass(frozen=True, slots=True)
class Judge:
    """One variant of one version of a model.

    Attributes:
        detector: The version; it stays loaded as long as a judge holds it.
        variant: Of the detector.
    """

    detector: TurnDetector
    variant: str

    @property
    def name(self) -> str:
        """Return what messages and checkpoints call it: ``<model>@<version>/<variant>``."""
        return f"{self.detector.name}/{self.variant}"

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages that it was trained on; none means any."""
        return self.detector.languages


def judge_all(requests: Sequence[tuple[Judge, str]]) -> list[float]:
    """Return the probability that the speaker has finished, for each text.

    Texts of one version are scored together, whichever calls and variants they belong to.
    """
    found = [0.0] * len(requests)
    by_detector: dict[int, list[int]] = {}
    for number, (judge, _) in enumerate(requests):
        by_detector.setdefault(id(judge.detector), []).append(number)
    for numbers in by_detector.values():
        judges, texts = zip(*(requests[number] for number in numbers), strict=True)
        scored = judges[0].detector.probabilities(texts, [judge.variant for judge in judges])
        for number, probability in zip(numbers, scored, strict=True):
            found[number] = probability
    return found


class Swap(msgspec.Struct, frozen=True):
    """New files were taken up: calls judged for from now on use them.

    Attributes:
        before: Names of the versions until now.
        after: Names of the versions from now on.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]


class Refusal(msgspec.Struct, frozen=True):
    """New files cannot be used: those before them stay.

    Attributes:
        reason: One sentence for the operator.
        kept: Names of the versions that stay.
    """

    reason: str
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Set:
    """The detectors of one folder.

    Attributes:
        loaded: By manifest; the content of the manifest, which promises that of all other files.
        by_variant: The same detectors.
    """

    loaded: Mapping[Path, tuple[str, TurnDetector]]
    by_variant: Mapping[str, TurnDetector]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(detector.name for _, detector in self.loaded.values())


class TurnModels:
    """The end-of-turn models of a worker. Any thread may call any method.

    Args:
        source: ``bundled``, or a manifest, or a folder whose manifests are one set.
        routes: Who judges what; what no route fits is judged by the variant ``general``.
        threads: For one run of a graph.
        now: Wall clock in seconds.

    Raises:
        ModelNotFoundError: No model there.
        ModelIntegrityError: It is damaged.
        ConfigurationError: A route wants a variant that it does not have.
    """

    def __init__(
        self,
        source: str = BUNDLED,
        *,
        routes: Sequence[Route] = (),
        threads: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = source_path(source)
        self._routes = tuple(routes)
        self._threads = threads
        self._now = now
        self._refreshing = threading.Lock()
        self._versions: WeakValueDictionary[str, TurnDetector] = WeakValueDictionary()
        self._refused: tuple[str, ...] = ()
        self._stamp = stamp_of(self._path)
        self._set = self._load(find_manifests(self._path), {})
        self._remember(self._set)

    def judge(self, *, party: str, domain: str, language: str) -> Judge | None:
        """Return who judges what a party of a call says; None if no model knows the language.

        Args:
            party: ``agent``, ``customer`` or another role.
            domain: Of the call; empty if unknown.
            language: BCP 47 code; empty if unknown, which every model takes.
        """
        current, language = self._set, primary_subtag(language)
        fitting = [
            route.variant
            for route in self._routes
            if route.fits(party=party, domain=domain, language=language)
        ]
        for variant in (*fitting, GENERAL):
            detector = current.by_variant[variant]
            if not (language and detector.languages) or language in map(
                primary_subtag, detector.languages
            ):
                return Judge(detector, variant)
        return None

    def named(self, name: str) -> Judge | None:
        """Return the judge of that `Judge.name`, if its version is still loaded."""
        version, _, variant = name.rpartition("/")
        detector = self._versions.get(version)
        return Judge(detector, variant) if detector and variant in detector.variants else None

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files; return what that led to, nothing most of the time.

        Cheap as long as no file changes; loads and tries a changed set, so keep it off an event
        loop. A set that cannot be used is refused once; it is tried again when its files change.
        """
        with self._refreshing:
            stamp = stamp_of(self._path)
            if stamp == self._stamp or stamp.changed_within(SETTLED_S, self._now()):
                return []
            try:
                fresh = self._load(find_manifests(self._path), self._set.loaded)
            except (CallstreamError, OSError) as error:
                return self._refuse(stamp, error)
            if stamp_of(self._path) != stamp:
                return []  # they changed while they were read
            self._stamp, self._refused = stamp, ()
            before, self._set = self._set, fresh
            self._remember(fresh)
            return [] if _same(before, fresh) else [Swap(before.names, fresh.names)]

    def _refuse(self, stamp: Stamp, error: Exception) -> list[Swap | Refusal]:
        """Return the refusal of a content that was not refused before."""
        contents = contents_of(self._path, stamp)
        if stamp_of(self._path) != stamp:
            return []
        if isinstance(error, CallstreamError):
            self._stamp = stamp  # what the system refused may go well without any change
        refused = (str(error), *contents)
        if refused == self._refused:
            return []
        self._refused = refused
        names = self._set.names
        reason = f"{error}; calls go on with {', '.join(names)}"
        return [Refusal(reason, names)]

    def _load(
        self, manifests: Sequence[Path], loaded: Mapping[Path, tuple[str, TurnDetector]]
    ) -> _Set:
        """Return the set of these manifests; what did not change is taken over.

        Raises:
            ModelNotFoundError: A file is missing.
            ModelIntegrityError: A file is damaged, or two manifests have the same variant.
            ConfigurationError: A route wants a variant that is not there.
        """
        fresh: dict[Path, tuple[str, TurnDetector]] = {}
        by_variant: dict[str, TurnDetector] = {}
        for path in manifests:
            content = content_of(path)
            known, detector = loaded.get(path, ("", None))
            if detector is not None and content == known:
                verified_weights(path, load_turn_manifest(path))
            else:
                detector = TurnDetector.load(path, threads=self._threads)
            for variant in detector.variants:
                if variant in by_variant:
                    raise ModelIntegrityError(f"{path}: another manifest has a {variant!r} too")
                by_variant[variant] = detector
            fresh[path] = (content, detector)
        self._check_variants(by_variant)
        return _Set(fresh, by_variant)

    def _check_variants(self, by_variant: Mapping[str, TurnDetector]) -> None:
        has = ", ".join(sorted(by_variant))
        if GENERAL not in by_variant:
            raise ModelIntegrityError(f"{self._path} has no variant {GENERAL!r}, only {has}")
        for route in self._routes:
            if route.variant not in by_variant:
                raise ConfigurationError(
                    f"a route wants the end-of-turn variant {route.variant!r}; "
                    f"{self._path} has {has}"
                )

    def _remember(self, current: _Set) -> None:
        for _, detector in current.loaded.values():
            self._versions[detector.name] = detector


def _same(one: _Set, other: _Set) -> bool:
    """Return whether two sets hold the same content."""
    contents = [
        {path: content for path, (content, _) in each.loaded.items()} for each in (one, other)
    ]
    return contents[0] == contents[1]
