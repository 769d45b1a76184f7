"""The evaluation of models on sets of calls: answers, metrics, perplexity, generations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from models.console import WorkProgress
from training.analytics.evaluation.measuring import Measuring
from training.analytics.evaluation.results import Generations, ModelResult, Report
from training.analytics.evaluation.sets import data_used, parts_of
from training.analytics.measures.baselines import answered_by, baselines
from training.analytics.measures.perplexity import perplexities
from training.core.errors import MissingDataError
from training.measuring.machine import describe_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example
    from training.analytics.evaluation.outcomes import Answerer, Outcome, TargetScorer
    from training.analytics.evaluation.results import DataUsed
    from training.analytics.measures.baselines import Baseline
    from training.analytics.measures.perplexity import AnswerLosses

    Sets = Mapping[str, Sequence[Example]]

PACKAGES = ("xllamacpp", "llguidance", "torch", "transformers", "peft", "mlx", "mlx-lm", "numpy")
RESAMPLES = 1_000
_BATCH = 8  # calls that are asked together, between two moves of the bar


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured.

    Attributes:
        guide: Of the calls.
        backend: Name of what runs the models.
        generations: Answers to each call of the first set at a temperature; 1 asks none there.
        temperature: Of these.
        seed: Of the bootstrap and of the samples.
        resamples: Of the bootstrap.
    """

    guide: AnalysisGuide
    backend: str
    generations: int = 1
    temperature: float = 0.7
    seed: int = 0
    resamples: int = RESAMPLES


@dataclass(frozen=True)
class MeasuredModel:
    """A model that is measured.

    Attributes:
        answerer: Analyses calls.
        scorer: Says how likely targets are; None where the back-end cannot.
    """

    answerer: Answerer
    scorer: TargetScorer | None = None


def evaluate(
    models: Mapping[str, AbstractContextManager[MeasuredModel]],
    sets: Sets,
    train: Sequence[Example],
    plan: EvaluationPlan,
) -> Report:
    """Return the figures of models on sets of calls.

    Args:
        models: By what they are: ``adapter``, ``base``; each is entered while it is measured.
        sets: By name; perplexity and generations are of the first.
        train: For the baselines.
        plan: What is measured.

    Raises:
        MissingDataError: A set has no calls, or there is nothing to learn the baselines from.
    """
    empty = [name for name, examples in sets.items() if not examples]
    if empty or not sets:
        raise MissingDataError(f"no calls to measure in {', '.join(empty) or 'any set'}")
    began, began_s = datetime.now(UTC), time.perf_counter()
    known = baselines(train, plan.guide)
    with WorkProgress() as progress:
        run = _Run(plan, known, progress)
        results = {}
        for kind, context in models.items():
            with context as model:
                results[kind] = run.result(kind, model, sets)
    return Report(
        guide=plan.guide.versioned_name,
        backend=plan.backend,
        began_at=began.isoformat(timespec="seconds"),
        seconds=round(time.perf_counter() - began_s, 1),
        seed=plan.seed,
        resamples=plan.resamples,
        machine=describe_machine(PACKAGES),
        data=_data(train, sets),
        models=results,
    )


def _data(train: Sequence[Example], sets: Sets) -> dict[str, DataUsed]:
    found = {"train": data_used(train)}
    for name, examples in sets.items():
        found[name] = data_used(examples)
        for part, places in parts_of(name, examples).items():
            found[part] = data_used([examples[place] for place in places])
    return found


class _Run:
    """Measures models one after the other.

    Args:
        plan: What is measured.
        known: Baselines by name.
        progress: Shows how far it is.
    """

    def __init__(
        self, plan: EvaluationPlan, known: Mapping[str, Baseline], progress: WorkProgress
    ) -> None:
        self._plan = plan
        self._baselines = known
        self._progress = progress
        self._measuring = Measuring(plan.guide, resamples=plan.resamples, seed=plan.seed)

    def result(self, kind: str, model: MeasuredModel, sets: Sets) -> ModelResult:
        """Return the figures of a model."""
        found = {}
        for name, examples in sets.items():
            outcomes = self._answers(model.answerer, examples, f"{kind}: {name}")
            others = {
                title: answered_by(baseline, examples)
                for title, baseline in self._baselines.items()
            }
            found[name] = self._measuring.set_result(outcomes, others)
            for part, places in parts_of(name, examples).items():
                found[part] = self._measuring.set_result(
                    [outcomes[place] for place in places],
                    {title: [each[at] for at in places] for title, each in others.items()},
                )
        first = next(iter(sets.values()))
        losses = None if model.scorer is None else self._losses(model.scorer, first, kind)
        return ModelResult(
            model=model.answerer.name,
            sets=found,
            perplexity=None if losses is None else perplexities(losses),
            generations=self._generations(model.answerer, first, kind),
        )

    def _generations(
        self, answerer: Answerer, examples: Sequence[Example], kind: str
    ) -> Generations | None:
        plan = self._plan
        if plan.generations <= 1:
            return None
        rounds = [
            self._answers(
                answerer,
                examples,
                f"{kind}: generation {number + 1} of {plan.generations}",
                seed=plan.seed + number,
                temperature=plan.temperature,
            )
            for number in range(plan.generations)
        ]
        return self._measuring.generations(rounds, plan.temperature)

    def _answers(
        self,
        answerer: Answerer,
        examples: Sequence[Example],
        title: str,
        *,
        seed: int = 0,
        temperature: float = 0.0,
    ) -> list[Outcome]:
        found: list[Outcome] = []
        row = self._progress.add_task(title, total=len(examples))
        for start in range(0, len(examples), _BATCH):
            chosen = examples[start : start + _BATCH]
            found += answerer.answer(chosen, temperature=temperature, seed=seed)
            self._progress.advance(row, len(chosen))
        return found

    def _losses(
        self, scorer: TargetScorer, examples: Sequence[Example], kind: str
    ) -> list[AnswerLosses]:
        found: list[AnswerLosses] = []
        row = self._progress.add_task(f"{kind}: perplexity", total=len(examples))
        for start in range(0, len(examples), _BATCH):
            chosen = examples[start : start + _BATCH]
            found += scorer.losses(chosen)
            self._progress.advance(row, len(chosen))
        return found
