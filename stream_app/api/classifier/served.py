"""The models that the server classifies with: loaded once, exchanged while it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from models.classification.classifier import Classification, Passage
from models.classification.label_set import LabelSet
from models.store.versioned import Refusal, Swap
from schemas.base import CallContext
from schemas.errors import CallstreamError
from stream_app.api.http.errors import ApiError, invalid
from stream_app.api.http.metrics import ApiMetrics
from stream_app.api.http.model_changes import tell_changes

log = structlog.get_logger(__name__)


class LoadedModel(Protocol):
    """A model that can be asked."""

    @property
    def name(self) -> str:
        """Return name and version."""
        ...

    @property
    def label_set(self) -> LabelSet:
        """Return what its answers are made of."""
        ...

    def classify(self, calls: Sequence[Sequence[Passage]]) -> list[Classification]:
        """Return what calls are about."""
        ...


class LabelSetSource(Protocol):
    """What serves a label set, be it its rules alone."""

    @property
    def label_set(self) -> LabelSet:
        """Return it; without tasks where it cannot be read."""
        ...


class ModelSource(Protocol):
    """Where models come from, one for each label set that is served."""

    def serving(self) -> Mapping[str, tuple[Path, LoadedModel]]:
        """Return manifest and model by the name of the label set."""
        ...

    def label_set_for(self, context: CallContext) -> str:
        """Return the name of the label set that serves a call."""
        ...

    def of(self, label_set: str) -> LabelSetSource:
        """Return what serves a label set, with weights or without."""
        ...

    def missing(self) -> Mapping[str, str]:
        """Return why label sets have no weights, by their names."""
        ...

    def refresh(self) -> Sequence[Swap | Refusal]:
        """Take up changed files; return what that led to."""
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A model at work.

    Attributes:
        path: Of its manifest.
        loaded_at: When the server took it up.
    """

    model: LoadedModel
    path: Path
    loaded_at: datetime


class ServedModels:
    """The models at work, by label set; where there are none, why.

    Args:
        open_source: Loads the models; raises a CallstreamError or OSError where it cannot.
        metrics: Counts what was taken up and refused.
        now: Wall clock.
    """

    def __init__(
        self,
        open_source: Callable[[], ModelSource],
        metrics: ApiMetrics,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._open_source = open_source
        self._metrics = metrics
        self._now = now
        self._source: ModelSource | None = None
        self._served: Mapping[str, Served] = {}
        self._missing: Mapping[str, str] = {}
        self._problem = "the models are being loaded"

    @property
    def served(self) -> Mapping[str, Served]:
        """The models at work, by the name of their label set."""
        return self._served

    @property
    def missing(self) -> Mapping[str, str]:
        """Why label sets have no model, by their names; under an empty name why none has."""
        return {**self._missing, **({"": self._problem} if self._problem else {})}

    def look(self) -> None:
        """Load the models, or take up what changed; may take long, so keep it off the loop."""
        problem, changes = "", list[Swap | Refusal]()
        try:
            if self._source is None:
                self._source = self._open_source()
            changes += self._source.refresh()
        except (CallstreamError, OSError) as error:
            problem = str(error)
        before = self.missing
        self._problem = problem
        if self._source is not None:
            self._note(self._source)
        for label_set, reason in self.missing.items():
            if before.get(label_set) != reason:
                log.error("api.model_missing", label_set=label_set, reason=reason)
        tell_changes(changes, self._metrics)

    def choose(self, label_set: str, context: CallContext) -> Served:
        """Return the model for a call.

        Args:
            label_set: Asked for by name, with its version or without; else it follows from the
                context.
            context: Of the call.

        Raises:
            ApiError: No model of that label set is loaded, or there is no such label set.
        """
        if self._source is None:
            raise _not_loaded(self._problem)
        name = self._own_name(label_set) or self._source.label_set_for(context)
        if name in self._served:
            return self._served[name]
        if name in self._missing:
            raise _not_loaded(self._missing[name])
        names = ", ".join(sorted({*self._served, *self._missing}))
        raise invalid(f"label_set: there is none {name!r}, but {names}")

    def label_set(self, name: str) -> LabelSet | None:
        """Return a label set that is served, be it without weights; None where there is none.

        Args:
            name: Of the label set, with its version or without.

        Raises:
            ApiError: It has no weights, and cannot be read without them.
        """
        own = self._own_name(name)
        if own in self._served:
            return self._served[own].model.label_set
        if self._source is None or own not in self._missing:
            return None
        found = self._source.of(own).label_set
        if not found.tasks:
            raise _not_loaded(self._missing[own])
        return found

    def _own_name(self, name: str) -> str:
        """Return the name of a label set without its version, as answers give it with it."""
        if not name or name in self._served or name in self._missing:
            return name
        known = {each.model.label_set.versioned_name: own for own, each in self._served.items()}
        if self._source is not None:
            source = self._source
            known |= {source.of(own).label_set.versioned_name: own for own in self._missing}
        return known.get(name, name)

    def _note(self, source: ModelSource) -> None:
        """Keep the time at which a model came for as long as it serves."""
        before, now = self._served, self._now()
        self._served = {
            name: before[name]
            if name in before and before[name].model is model
            else Served(model, path, now)
            for name, (path, model) in source.serving().items()
        }
        self._missing = dict(source.missing())


def _not_loaded(reason: str) -> ApiError:
    return ApiError(503, "model_not_loaded", f"The model is not loaded: {reason}.")
