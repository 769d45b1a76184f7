"""The analytics models of a process: one for each guide, chosen by the call's context."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from models.analytics.backends.choice import BackendOptions
from models.analytics.guide import load_guide
from models.analytics.manifest import AnalyticsManifest
from models.analytics.serving.analyst import Analyst
from models.call_routes import CallRoutes
from models.store.layout import BUNDLED, ModelKind
from models.store.manifest import WEIGHTS
from models.store.single import SingleModel, open_single
from schemas.errors import CallstreamError, ConfigurationError, ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.analytics.guide import AnalysisGuide
    from models.call_routes import CallRoute
    from models.store.versioned import Refusal, Swap, VersionedStore
    from schemas.base import CallContext

ANALYTICS_MODELS = ModelKind(
    title="analytics model",
    bundled="analytics",
    hint="give a folder or a manifest that `callstream train analytics-export` wrote, or 'bundled'",
    manifest=AnalyticsManifest,
)


NOT_BUNDLED = (
    "no model of this analysis guide is bundled: train one (docs/training.md, Call analytics), and "
    "name it in CALLSTREAM_ANALYTICS__MODELS"
)


class GuideModel:
    """The versions of the model of one guide. Any thread may call any method.

    Where the model or its base is missing, calls have no insights, and it is looked for again.

    Args:
        guide: Name or path of the analysis guide.
        source: ``bundled``, a manifest, a folder of one version, or a folder of versions (see
            `models.store.layout`).
        options: Which back-end runs it.
        now: Wall clock in seconds.

    Raises:
        ConfigurationError: The guide cannot be used.
    """

    def __init__(
        self,
        guide: str,
        source: str,
        options: BackendOptions | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._guide = load_guide(guide)
        model = SingleModel(
            partial(Analyst.load, options=options or BackendOptions()), _guide_of, "analysis guide"
        )
        self._source = source
        self._open = partial(
            open_single, self._guide.name, source, ANALYTICS_MODELS, model, now=now
        )
        self._store: VersionedStore[Analyst] | None = None
        self._error = ""
        self._look()

    @property
    def guide(self) -> AnalysisGuide:
        """Return the guide that calls are asked by, also where there is no model."""
        champion = self.champion
        return self._guide if champion is None else champion.guide

    @property
    def champion(self) -> Analyst | None:
        """Return the model that serves; None where there is none."""
        return None if self._store is None else self._store.champion.models[0]

    @property
    def challenger(self) -> Analyst | None:
        """Return the model that is asked the same and compared; None where there is none."""
        models = () if self._store is None else self._store.challenger.models
        return models[0] if models else None

    def missing(self) -> Mapping[str, str]:
        """Return why there is no model, by the name of the guide; empty where there is one."""
        return {self._guide.name: self._error} if self._error else {}

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files, and a model that was missing; return what that led to."""
        if self._store is not None:
            return self._store.refresh()
        self._look()
        return []

    def _look(self) -> None:
        try:
            if self._source == BUNDLED and not bundled_manifest(self._guide.name).is_file():
                raise ModelNotFoundError(NOT_BUNDLED)
            self._store, self._error = self._open(), ""
        except (CallstreamError, OSError) as error:
            self._error = str(error)


class AnalyticsModels:
    """The models of a process, by analysis guide. Any thread may call any method.

    Args:
        sources: By the name or the path of the guide, as `GuideModel` takes them.
        default: The guide of calls that no route fits, as ``sources`` names it.
        routes: Which guide serves a call, the first that fits, likewise.
        options: Which back-end runs the models.
        now: Wall clock in seconds.

    Raises:
        ConfigurationError: A guide cannot be used or comes twice, or a route names one without a
            source.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        *,
        default: str,
        routes: Sequence[CallRoute] = (),
        options: BackendOptions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.default = default
        self._routes = CallRoutes(default, routes, sources, "analysis guide")
        self._models = {
            name: GuideModel(name, source, options, now=now) for name, source in sources.items()
        }
        names = [each.guide.name for each in self._models.values()]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"the analysis guide {name!r} has two models: name one")

    def guide_for(self, context: CallContext) -> str:
        """Return the guide that serves a call, as the sources name it."""
        return self._routes.name_for(context)

    def of(self, guide: str) -> GuideModel:
        """Return what serves a guide, as the sources name it."""
        return self._models[guide]

    def names(self) -> tuple[str, ...]:
        """Return the guides, as the sources name them."""
        return tuple(self._models)

    def missing(self) -> dict[str, str]:
        """Return why guides have no model, by their names."""
        return {
            name: reason
            for model in self._models.values()
            for name, reason in model.missing().items()
        }

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files, and models that were missing; return what that led to."""
        return [change for model in self._models.values() for change in model.refresh()]


def bundled_manifest(guide: str) -> Path:
    """Return where the manifest of the bundled model of a guide would be."""
    return WEIGHTS / ANALYTICS_MODELS.bundled / f"{guide}.json"


def _guide_of(analyst: Analyst) -> str:
    return analyst.guide.name
