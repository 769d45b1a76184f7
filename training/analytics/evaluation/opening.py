"""The models of an evaluation: an adapter by its manifest, and its base without it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from models.analytics.answer_parts import MAX_TURNS
from models.analytics.backends.choice import open_backend
from models.analytics.grammar import max_answer_tokens
from models.analytics.guide import load_guide
from models.analytics.manifest import load_analytics_manifest
from models.analytics.serving.analyst import TEMPLATE_TOKENS, Analyst
from models.store.files import find_manifests
from models.store.manifest import verified_weights
from schemas.errors import ConfigurationError
from training.analytics.evaluation.asking import AnalystAnswerer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.analytics.backends.choice import BackendOptions
    from models.analytics.guide import AnalysisGuide

ADAPTER, BASE = "adapter", "base"


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
        kind: ``adapter``, or ``base`` for the base without it.

    Raises:
        CallstreamError: The model cannot be loaded.
    """
    analyst = (
        Analyst.load(manifest_path, options)
        if kind == ADAPTER
        else _base_alone(manifest_path, options)
    )
    try:
        yield AnalystAnswerer(analyst)
    finally:
        analyst.close()


def _base_alone(manifest_path: Path, options: BackendOptions) -> Analyst:
    guide, manifest = guide_of(manifest_path), load_analytics_manifest(manifest_path)
    alone = replace(manifest, gguf_adapter="", peft_folder="", mlx_folder="")
    longest = max_answer_tokens(guide, manifest.answer_form, MAX_TURNS)
    tokens = manifest.max_prompt_tokens + TEMPLATE_TOKENS + longest
    backend = open_backend(manifest_path, alone, options, context_tokens=tokens)
    return Analyst(manifest.base, guide, alone, backend)
