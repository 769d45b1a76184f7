"""The models of an evaluation: an adapter by its manifest, and its base without it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from models.analytics.guide import load_guide
from models.analytics.manifest import load_analytics_manifest
from models.analytics.serving.analyst import Analyst
from models.store.files import find_manifests
from models.store.manifest import verified_weights
from schemas.errors import ConfigurationError
from training.analytics.evaluation.asking import AnalystAnswerer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.analytics.backends.choice import BackendOptions
    from models.analytics.guide import AnalysisGuide

ADAPTER, BASE, UNCALIBRATED = "adapter", "base", "adapter without its confidence lines"
_CHANGES: dict[str, dict[str, object]] = {
    ADAPTER: {},
    BASE: {"gguf_adapter": "", "peft_folder": "", "mlx_folder": "", "confidences": {}},
    UNCALIBRATED: {"confidences": {}},
}


def manifest_of(model: Path) -> Path:
    """Return the manifest of a model: itself, or the one in its folder.

    Raises:
        ConfigurationError: There is none, or there are several.
    """
    found = [model] if model.is_file() else find_manifests(model)
    if len(found) != 1:
        raise ConfigurationError(
            f"{model} is no model of analytics: give a manifest, or a folder with one, as "
            "`callstream train analytics-export` writes it"
        )
    return found[0]


def guide_of(manifest_path: Path) -> AnalysisGuide:
    """Return the guide that a model was trained on.

    Raises:
        CallstreamError: A file of the model is missing or damaged.
    """
    manifest = load_analytics_manifest(manifest_path)
    verified_weights(manifest_path, manifest)
    return load_guide(manifest_path.parent / manifest.guide_file)


@contextmanager
def opened(manifest_path: Path, options: BackendOptions, kind: str) -> Iterator[AnalystAnswerer]:
    """Return a context with a model, which is freed at its end.

    Args:
        manifest_path: Of the adapter.
        options: What runs it.
        kind: `ADAPTER`; `BASE` for the base without it, `UNCALIBRATED` for it with the confidences
            that its tokens give.

    Raises:
        CallstreamError: The model cannot be loaded.
    """
    manifest = replace(load_analytics_manifest(manifest_path), **_CHANGES[kind])
    analyst = Analyst.of(manifest_path, manifest, options)
    if kind == BASE:
        analyst.name = manifest.base
    try:
        yield AnalystAnswerer(analyst)
    finally:
        analyst.close()
