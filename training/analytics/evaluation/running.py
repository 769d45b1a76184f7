"""An evaluation from a model and a corpus on disk to its report, and the smoke test."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from models.analytics.backends.choice import BackendOptions
from models.analytics.manifest import load_analytics_manifest
from schemas.errors import ConfigurationError
from training.analytics.corpus.files import read_split
from training.analytics.evaluation.evaluator import EvaluationPlan, MeasuredModel, evaluate
from training.analytics.evaluation.figures import draw_all
from training.analytics.evaluation.harper_valley import HARPER_VALLEY, read_harper_valley
from training.analytics.evaluation.opening import (
    ADAPTER,
    BASE,
    guide_of,
    manifest_of,
    opened,
)
from training.analytics.evaluation.report import write_report_md
from training.analytics.evaluation.results import write_report_json
from training.analytics.evaluation.sets import (
    TEST,
    TRAIN,
    VALIDATION,
    as_recognized,
    sampled,
)
from training.analytics.held_out.calls import read_held_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example
    from training.analytics.evaluation.outcomes import Outcome, TargetScorer
    from training.analytics.evaluation.results import Report, SetResult
    from training.core.splits import Split

FIGURES_FOLDER = "figures"
_SCORING = "training.analytics.evaluation.scoring"  # imported where it is used: needs torch
SMOKE_CALLS = 3
BY_HAND = "written by hand"


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How a model is measured.

    Attributes:
        backend: What runs it; its device also computes perplexities.
        split: That is measured.
        samples: Calls of it, spread evenly; 0 takes all.
        generations: Answers to each call at a temperature; 1 asks none there.
        temperature: Of these.
        seed: Of the bootstrap, of samples at a temperature and of mistakes of a recognizer.
        with_base: Measure the base without the adapter beside it.
        with_perplexity: Compute the perplexity of the targets, which takes torch and the adapter in
            PEFT's form.
        with_noise: Measure the calls also with mistakes of a recognizer.
        with_held_out: Measure the calls that were written by hand too.
        harper_valley: Folder of telephone calls, measured too; None leaves them out.
    """

    backend: BackendOptions = field(default_factory=BackendOptions)
    split: Split = TEST
    samples: int = 0
    generations: int = 1
    temperature: float = 0.7
    seed: int = 0
    with_base: bool = True
    with_perplexity: bool = False
    with_noise: bool = False
    with_held_out: bool = False
    harper_valley: Path | None = None


def evaluate_analytics(model: Path, data: Path, out: Path, options: EvaluationOptions) -> Report:
    """Return the figures of a model, and write them with plots and report into a folder.

    Args:
        model: Manifest of the adapter, or its folder.
        data: Folder of the splits, or of a run.
        out: For ``report.json``, ``report.md`` and the plots.
        options: How it is measured.

    Raises:
        CallstreamError: The model or the calls cannot be used.
    """
    path = manifest_of(model)
    guide, train = guide_of(path), read_split(data, TRAIN)
    sets = sets_of(data, guide, options)
    plan = EvaluationPlan(
        guide,
        options.backend.name,
        generations=options.generations,
        temperature=options.temperature,
        seed=options.seed,
    )
    kinds = (ADAPTER, BASE) if options.with_base else (ADAPTER,)
    report = evaluate({kind: _measured(path, kind, options) for kind in kinds}, sets, train, plan)
    out.mkdir(parents=True, exist_ok=True)
    write_report_json(out, report)
    write_report_md(out, report, draw_all(report, out / FIGURES_FOLDER))
    return report


@contextmanager
def _measured(path: Path, kind: str, options: EvaluationOptions) -> Iterator[MeasuredModel]:
    """Return a context with a model, loaded while it is measured."""
    with opened(path, options.backend, kind) as answerer:
        yield MeasuredModel(answerer, _scorer(path, kind, options))


def _scorer(path: Path, kind: str, options: EvaluationOptions) -> TargetScorer | None:
    """Return what tells how likely targets are to a model; None where nobody asks for it.

    Raises:
        ConfigurationError: The adapter is not there in PEFT's form.
    """
    if not options.with_perplexity:
        return None
    manifest = load_analytics_manifest(path)
    if not manifest.peft_folder:
        raise ConfigurationError(f"{path} has no adapter in PEFT's form, which --perplexity takes")
    adapter = path.parent / manifest.peft_folder if kind == ADAPTER else None
    found: TargetScorer = import_module(_SCORING).NetworkScorer(
        manifest, guide_of(path), adapter, options.backend.device
    )
    return found


def sets_of(
    data: Path, guide: AnalysisGuide, options: EvaluationOptions
) -> dict[str, list[Example]]:
    """Return the sets of calls that options mean, by name.

    Raises:
        MissingDataError: One of them is missing or damaged.
    """
    calls = sampled(read_split(data, options.split), options.samples)
    sets: dict[str, list[Example]] = {options.split: calls}
    if options.with_noise:
        words = read_split(data, TRAIN)
        sets[f"{options.split} with noise"] = as_recognized(calls, words, options.seed)
    if options.with_held_out:
        written = [each for each in read_held_out() if each.guide == guide.versioned_name]
        sets[BY_HAND] = written
    if options.harper_valley is not None:
        sets[HARPER_VALLEY] = read_harper_valley(options.harper_valley, guide)
    return sets


def smoke_test(model: Path, data: Path, options: EvaluationOptions) -> list[Outcome]:
    """Return the answers to a few calls, to see whether a model answers at all.

    Raises:
        CallstreamError: The model or the calls cannot be used.
    """
    calls = sampled(read_split(data, options.split), SMOKE_CALLS)
    with opened(manifest_of(model), options.backend, ADAPTER) as answerer:
        return answerer.answer(calls)


def measured_on_validation(model: Path, data: Path, options: EvaluationOptions) -> SetResult:
    """Return what a model reaches on the whole validation set.

    Raises:
        CallstreamError: The model or the calls cannot be used.
    """
    path = manifest_of(model)
    train = read_split(data, TRAIN)
    sets: dict[str, list[Example]] = {VALIDATION: read_split(data, VALIDATION)}
    plan = EvaluationPlan(guide_of(path), options.backend.name, seed=options.seed)
    report = evaluate({ADAPTER: _measured(path, ADAPTER, options)}, sets, train, plan)
    return report.models[ADAPTER].sets[VALIDATION]
