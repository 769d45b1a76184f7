"""Which end-of-turn model judges a call."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from models.languages import primary_subtag
from models.store.layout import BUNDLED
from models.store.versioned import VersionedStore
from models.turns.detector import TurnDetector
from models.turns.manifest import GENERAL, TURN_MODELS
from schemas.errors import ConfigurationError, ModelIntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.store.versioned import Refusal, Swap


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


class TurnModels:
    """The end-of-turn models of a worker. Any thread may call any method.

    Args:
        source: ``bundled``, or a manifest, a folder whose manifests are one version, or a folder
            of versions (see `models.store.layout`).
        routes: Who judges what; what no route fits is judged by the variant ``general``.
        threads: For one run of a graph.
        keep: Replaced versions that stay loaded, for calls that come back.
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
        keep: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._routes = tuple(routes)
        self._store = VersionedStore(
            source,
            TURN_MODELS,
            partial(TurnDetector.load, threads=threads),
            check=self._check,
            keep=keep,
            now=now,
        )

    def judge(self, *, party: str, domain: str, language: str) -> Judge | None:
        """Return who judges what a party of a call says; None if no model knows the language.

        Args:
            party: ``agent``, ``customer`` or another role.
            domain: Of the call; empty if unknown.
            language: BCP 47 code; empty if unknown, which every model takes.
        """
        detectors, language = self._store.champion.models, primary_subtag(language)
        fitting = [
            route.variant
            for route in self._routes
            if route.fits(party=party, domain=domain, language=language)
        ]
        for variant in (*fitting, GENERAL):
            detector = next(each for each in detectors if variant in each.variants)
            if not (language and detector.languages) or language in map(
                primary_subtag, detector.languages
            ):
                return Judge(detector, variant)
        return None

    def named(self, name: str) -> Judge | None:
        """Return the judge of that `Judge.name`, if its version is loaded or on disk."""
        version, _, variant = name.rpartition("/")
        detector = self._store.named(version)
        return Judge(detector, variant) if detector and variant in detector.variants else None

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files; see `VersionedStore.refresh`."""
        return self._store.refresh()

    def _check(self, loaded: Mapping[Path, TurnDetector]) -> None:
        """Refuse detectors that have a variant twice, or lack one that is needed."""
        found: set[str] = set()
        for path, detector in loaded.items():
            for variant in detector.variants:
                if variant in found:
                    raise ModelIntegrityError(f"{path}: another manifest has a {variant!r} too")
                found.add(variant)
        folder, has = next(iter(loaded)).parent, ", ".join(sorted(found))
        if GENERAL not in found:
            raise ModelIntegrityError(f"{folder} has no variant {GENERAL!r}, only {has}")
        for route in self._routes:
            if route.variant not in found:
                raise ConfigurationError(
                    f"a route wants the end-of-turn variant {route.variant!r}; {folder} has {has}"
                )
