"""Writes what serves of a training: the adapter as GGUF, the guide, the card, the manifest."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.analytics.guide import guide_file, load_guide
from models.analytics.manifest import FORMAT, AnalyticsManifest, load_analytics_manifest
from models.fetching.catalogue import CATALOGUE
from models.store.manifest import sha256_of, verified_weights, write_manifest
from schemas.errors import ConfigurationError, ModelIntegrityError, ModelNotFoundError
from training.analytics.adapters.conversion import read_adapter, write_adapter
from training.analytics.evaluation.opening import ADAPTER
from training.analytics.evaluation.results import read_report
from training.analytics.export.card import write_card
from training.analytics.learning.base import find_base, load_tokenizer
from training.analytics.learning.recipe import AnalyticsRecipe
from training.analytics.learning.report import REPORT_NAME, RunReport
from training.analytics.learning.rows import row_writer
from training.analytics.learning.run import ADAPTER_FOLDER
from training.core.json_files import read_json

if TYPE_CHECKING:
    from models.analytics.guide import AnalysisGuide
    from models.log_odds import ConfidenceLine
    from training.analytics.adapters.conversion import AdapterForm
    from training.analytics.adapters.gguf_adapter import Precision
    from training.analytics.evaluation.results import Report
    from training.analytics.learning.base import BaseFiles

_MB = 1_000_000


@dataclass(frozen=True)
class ExportOptions:
    """What is written.

    Attributes:
        name: Of the version; empty for that of the guide.
        precision: Of the matrices of the GGUF adapter.
        largest_mb: That it may have.
        forms: Further forms of the adapter, each a folder: ``peft``, ``mlx``.
    """

    name: str = ""
    precision: Precision = "f32"
    largest_mb: float = 12.0
    forms: tuple[AdapterForm, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        manifest: Its path.
        adapter_bytes: Of the GGUF adapter.
    """

    manifest: Path
    adapter_bytes: int


def export_adapter(
    run: Path, out: Path, options: ExportOptions, evaluation: Path | None = None
) -> Exported:
    """Write the best adapter of a run as a version that serves, the manifest last.

    Args:
        run: Folder of the run, with ``adapter`` and ``report.json``.
        out: Folder for the version.
        options: What is written.
        evaluation: Report of an evaluation of this adapter, for the manifest and the card.

    Raises:
        MissingDataError: A report is missing, or of another form.
        ModelNotFoundError: Adapter or base are missing.
        ConfigurationError: The base or the guide is another, or the adapter is too large.
    """
    report = read_json(
        run / REPORT_NAME, RunReport, what="a training report", written_by="train analytics"
    )
    measured = None if evaluation is None else read_report(evaluation)
    recipe = msgspec.convert(report.recipe, AnalyticsRecipe)
    guide = load_guide(recipe.guide)
    base = find_base(recipe.base.model)
    _check(report, guide, base, measured)
    out.mkdir(parents=True, exist_ok=True)
    name = options.name or guide.name
    files = _write_files(run, out, name, options, base)
    _refuse_large(out / files[0], options)
    guide_name = f"{name}.guide.toml"
    shutil.copyfile(guide_file(recipe.guide), out / guide_name)
    manifest = AnalyticsManifest(
        name=name,
        format=FORMAT,
        file=files[0],
        sha256=sha256_of(out / files[0]),
        other_files={each: sha256_of(out / each) for each in (guide_name, *files[1:])},
        licence=CATALOGUE[base.name].licence if base.name in CATALOGUE else "",
        base=base.name,
        base_sha256=base.sha256() if base.gguf else "",
        guide_file=guide_name,
        gguf_adapter=files[0],
        peft_folder=f"{name}.peft" if "peft" in options.forms else "",
        mlx_folder=f"{name}.mlx" if "mlx" in options.forms else "",
        prompt_form=recipe.forms.prompt,
        answer_form=recipe.forms.answer,
        max_prompt_tokens=_prompt_tokens(recipe, guide, base),
        confidences=_confidences(out / f"{name}.json", out / files[0]),
        metrics={} if measured is None else _metrics(measured),
    )
    write_card(out / f"{name}.md", manifest, report, measured)
    path = write_manifest(manifest, out / f"{name}.json")
    verified_weights(path, load_analytics_manifest(path))
    return Exported(path, (out / files[0]).stat().st_size)


def _check(
    report: RunReport, guide: AnalysisGuide, base: BaseFiles, measured: Report | None
) -> None:
    """Raise `ConfigurationError` where the run is of another base, or measured by another guide."""
    if base.sha256() != report.facts.base_sha256:
        raise ConfigurationError(
            f"{base.name} is no longer the base that the adapter was trained on (sha256 "
            f"{report.facts.base_sha256[:12]}..)"
        )
    if measured is None:
        return
    if measured.guide != guide.versioned_name:
        raise ConfigurationError(
            f"the evaluation is of the guide {measured.guide}, the adapter of "
            f"{guide.versioned_name}"
        )
    if ADAPTER not in measured.models:
        raise ConfigurationError("the evaluation measured no adapter")


def _write_files(
    run: Path, out: Path, name: str, options: ExportOptions, base: BaseFiles
) -> list[str]:
    """Write the adapter in its forms; return the files' names, that of GGUF first."""
    at = base.folder / base.gguf if base.gguf else base.folder
    adapter = read_adapter(run / ADAPTER_FOLDER, at)
    files = [f"{name}.gguf"]
    write_adapter(adapter, out / files[0], "gguf", at, options.precision)
    for form in options.forms:
        folder = out / f"{name}.{form}"
        shutil.rmtree(folder, ignore_errors=True)
        write_adapter(adapter, folder, form, at)
        files += [str(each.relative_to(out)) for each in sorted(folder.iterdir())]
    return files


def _refuse_large(adapter: Path, options: ExportOptions) -> None:
    size = adapter.stat().st_size / _MB
    if size > options.largest_mb:
        hint = "take --precision f16, or allow it by" if options.precision == "f32" else "allow by"
        raise ConfigurationError(
            f"the adapter has {size:.1f} MB, more than {options.largest_mb:g}: {hint} --largest-mb"
        )


def _prompt_tokens(recipe: AnalyticsRecipe, guide: AnalysisGuide, base: BaseFiles) -> int:
    """Return what a call had room for in the training."""
    writer = row_writer(recipe, guide, load_tokenizer(base))
    return recipe.forms.max_tokens - recipe.forms.answer_tokens - writer.template_tokens


def _confidences(manifest: Path, adapter: Path) -> dict[str, ConfidenceLine]:
    """Return what was fitted for the same adapter before; nothing for another one."""
    try:
        before = load_analytics_manifest(manifest)
    except (ModelNotFoundError, ModelIntegrityError):
        return {}
    return before.confidences if before.sha256 == sha256_of(adapter) else {}


def _metrics(measured: Report) -> dict[str, float]:
    """Return the figures of the first set of calls by name."""
    first = next(iter(measured.models[ADAPTER].sets.values()))
    figures = {name: result.figure.value for name, result in first.metrics.items()}
    return {"valid": first.valid.value, **figures}
