"""The classification models of a process: one for each label set, chosen by the call's context."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from models.call_routes import CallRoutes
from models.classification.classifier import Classifier
from models.classification.label_set import LabelSet, bundled_label_sets, load_label_set
from models.classification.manifest import ClassificationManifest, load_classification_manifest
from models.store.layout import ModelKind, serving_manifests, source_path
from models.store.single import SingleModel, open_single
from schemas.errors import CallstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.call_routes import CallRoute
    from models.store.versioned import Refusal, Swap, VersionedStore
    from schemas.base import CallContext

FOLDER = "classification"
CLASSIFICATION_MODELS = ModelKind(
    title="classification model",
    bundled=FOLDER,
    hint="give a folder or a manifest that `callstream train classification-export` wrote, or "
    "'bundled'",
    manifest=ClassificationManifest,
)


@dataclass(frozen=True, slots=True)
class Serving:
    """What a label set is served by.

    Attributes:
        label_set: That of the model where there is one; else that which ships or lies beside the
            model, or one without tasks.
        classifier: None where there are no weights.
        error: Why there are none.
    """

    label_set: LabelSet
    classifier: Classifier | None
    error: str = ""


class ClassificationModels:
    """The models of a process, by label set. Any thread may call any method.

    A label set without usable weights is served by its rules alone, and looked for again.

    Args:
        sources: By the name of the label set: ``bundled``, a manifest, a folder of one version, or
            a folder of versions (see `models.store.layout`).
        default: The label set of calls that no route fits.
        routes: Which label set serves a call, the first that fits.
        threads: For one run of a graph.
        now: Wall clock in seconds.

    Raises:
        ConfigurationError: A route or the default names a label set that has no source.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        *,
        default: str,
        routes: Sequence[CallRoute] = (),
        threads: int = 1,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._routes = CallRoutes(default, routes, sources, "label set")
        self._open = partial(_open_store, threads=threads, now=now)
        self._sources = dict(sources)
        self._stores: dict[str, VersionedStore[Classifier]] = {}
        self._errors: dict[str, str] = {}
        self._label_sets: dict[str, LabelSet] = {}
        for name in sources:
            self._look(name)
            if name not in self._stores:
                self._label_sets[name] = _rules_of(name, sources[name])

    def label_set_for(self, context: CallContext) -> str:
        """Return the name of the label set that serves a call."""
        return self._routes.name_for(context)

    def of(self, label_set: str) -> Serving:
        """Return what serves a label set now."""
        store = self._stores.get(label_set)
        if store is None:
            return Serving(self._label_sets[label_set], None, self._errors[label_set])
        (classifier,) = store.champion.models
        return Serving(classifier.label_set, classifier)

    def challenger(self, label_set: str) -> Classifier | None:
        """Return the model that is asked the same and compared; None where there is none."""
        store = self._stores.get(label_set)
        models = store.challenger.models if store else ()
        return models[0] if models else None

    def serving(self) -> dict[str, tuple[Path, Classifier]]:
        """Return manifest and model by the name of the label set, where there are weights."""
        return {
            name: next(iter(store.champion.loaded.items())) for name, store in self._stores.items()
        }

    def missing(self) -> dict[str, str]:
        """Return why label sets have no weights, by their names."""
        return dict(self._errors)

    def refresh(self) -> list[Swap | Refusal]:
        """Take up changed files, and weights that were missing; return what that led to."""
        changes: list[Swap | Refusal] = []
        for name in self._sources:
            store = self._stores.get(name)
            if store is None:
                self._look(name)
            else:
                changes += store.refresh()
        return changes

    def _look(self, name: str) -> None:
        try:
            self._stores[name] = self._open(name, self._sources[name])
            self._errors.pop(name, None)
        except (CallstreamError, OSError) as error:
            self._errors[name] = str(error)


def _open_store(
    name: str, source: str, *, threads: int, now: Callable[[], float]
) -> VersionedStore[Classifier]:
    return open_single(
        name,
        source,
        CLASSIFICATION_MODELS,
        SingleModel(partial(Classifier.load, threads=threads), _label_set_of, "label set"),
        now=now,
    )


def _rules_of(name: str, source: str) -> LabelSet:
    """Return the label set of a model that cannot be used, for the sake of its rules.

    That of weights that are damaged mostly lies whole beside them. Where there is none, calls get
    no label, as they would with a label set that has no rules.
    """
    path = source_path(source, CLASSIFICATION_MODELS)
    with suppress(CallstreamError, OSError):
        manifest_path = serving_manifests(path, CLASSIFICATION_MODELS)[0]
        manifest = load_classification_manifest(manifest_path)
        found = load_label_set(manifest_path.parent / manifest.label_set_file)
        if found.name == name:
            return found
    if name in bundled_label_sets():
        return load_label_set(name)
    return LabelSet(name=name, version=0, title=name, tasks=())


def _label_set_of(classifier: Classifier) -> str:
    return classifier.label_set.name
