"""The figures of a set of calls from what was answered of them."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from models.analytics.guide import churn_band
from training.analytics.evaluation.results import (
    Confidences,
    Generations,
    MetricResult,
    SetResult,
    Speed,
    Spread,
)
from training.analytics.measures.findings import (
    CHOICES,
    CHURN,
    FAULTS,
    QUALITY,
    RATINGS,
    SCORECARD,
    TASKS,
    Answered,
    claims,
    score,
    value,
)
from training.analytics.measures.metrics import METRICS, Metric, measure
from training.core.errors import MissingDataError
from training.measuring.reliability import calibration_error, reliability

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.analytics.analysis import Analysis
    from models.analytics.guide import AnalysisGuide
    from training.analytics.evaluation.outcomes import Outcome
    from training.analytics.measures.metrics import Counts
    from training.measuring.bootstrap import Figure

    Label = str | int

NULL, NO_ANSWER = "null", "no answer"
CHURN_BAND, EFFECTIVENESS = "churn band", "effectiveness"


class Measuring:
    """Figures with the same guide, seed and number of samples.

    Args:
        guide: Of the answers.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """

    def __init__(self, guide: AnalysisGuide, *, resamples: int, seed: int) -> None:
        self._guide = guide
        self._resamples = resamples
        self._seed = seed

    def set_result(
        self, outcomes: Sequence[Outcome], baselines: Mapping[str, Sequence[Answered]]
    ) -> SetResult:
        """Return the figures of a set.

        Args:
            outcomes: One of each call.
            baselines: What each baseline answers of the same calls.

        Raises:
            MissingDataError: There is no call.
        """
        answers = [each.answered for each in outcomes]
        metrics = self._metrics(answers, baselines)
        reached = [each.figure.value for each in metrics.values() if each.target is not None]
        return SetResult(
            calls=len(answers),
            failed=sum(each.has_failed for each in outcomes),
            invalid=dict(Counter(each.reason for each in answers if each.given is None)),
            valid=self._valid(outcomes),
            score=round(float(np.mean(reached)), 5) if reached else 0.0,
            metrics=metrics,
            confusions=self._confusions(answers),
            confidences=_confidences(answers),
            churn=tuple(_pairs(answers, CHURN)),
            mean_errors=_mean_errors(answers),
            speed=_speed(outcomes),
        )

    def generations(self, rounds: Sequence[Sequence[Outcome]], temperature: float) -> Generations:
        """Return how far several answers to the same calls agree.

        Args:
            rounds: Answers to all calls in one order, round by round; two or more.
            temperature: Of the samples.
        """
        by_call = list(zip(*rounds, strict=True))
        pairs = [pair for call in by_call for pair in combinations(call, 2)]

        def share_of_pairs(agree: Callable[[Outcome, Outcome], bool]) -> Figure:
            counts = [(float(agree(one, two)), 1.0) for one, two in pairs]
            return self._figure(counts, [one.answered.example.id for one, _ in pairs])

        return Generations(
            calls=len(by_call),
            per_call=len(rounds),
            temperature=temperature,
            valid=self._valid([each for one in rounds for each in one]),
            agreement={task: share_of_pairs(partial(_agree, task)) for task in TASKS},
            identical=share_of_pairs(lambda one, two: bool(one.text) and one.text == two.text),
        )

    def _metrics(
        self, answers: Sequence[Answered], baselines: Mapping[str, Sequence[Answered]]
    ) -> dict[str, MetricResult]:
        found = {}
        for metric in METRICS:
            measured = self._measured(metric, answers)
            if measured is not None:
                figure, calls = measured
                others = {name: self._measured(metric, each) for name, each in baselines.items()}
                found[metric.name] = MetricResult(
                    title=metric.title,
                    calls=calls,
                    figure=figure,
                    target=metric.target,
                    documents=metric.documents,
                    baselines={name: each[0] for name, each in others.items() if each},
                )
        return found

    def _measured(self, metric: Metric, answers: Sequence[Answered]) -> tuple[Figure, int] | None:
        counts = [metric.counts(each, self._guide) for each in answers]
        calls = [each.example.id for each in answers]
        return measure(counts, calls, resamples=self._resamples, seed=self._seed)

    def _valid(self, outcomes: Sequence[Outcome]) -> Figure:
        counts = [(float(each.is_valid), 1.0) for each in outcomes]
        return self._figure(counts, [each.answered.example.id for each in outcomes])

    def _figure(self, counts: Sequence[Counts], calls: Sequence[str]) -> Figure:
        measured = measure(counts, calls, resamples=self._resamples, seed=self._seed)
        if measured is None:
            raise MissingDataError("there is no call to measure: give a split that has calls")
        return measured[0]

    def _confusions(
        self, answers: Sequence[Answered]
    ) -> dict[str, tuple[tuple[str, str, int], ...]]:
        """Return what was answered for what is, by task, the most frequent first."""
        guide = self._guide
        labels: dict[str, tuple[str, Callable[[Label], str]]] = {
            task: (task, str) for task in CHOICES
        }
        labels[CHURN_BAND] = CHURN, lambda found: churn_band(int(found))
        labels[EFFECTIVENESS] = QUALITY, lambda found: guide.effectiveness(int(found))
        found = {}
        for name, (task, label) in labels.items():
            counts = Counter(
                (_label(each.target, task, label), _label(each.given, task, label))
                for each in answers
                if each.is_known(task)
            )
            if counts:
                found[name] = tuple((*pair, count) for pair, count in counts.most_common())
        return found


def _label(analysis: Analysis | None, task: str, label: Callable[[Label], str]) -> str:
    if analysis is None:
        return NO_ANSWER
    found = value(analysis, task)
    return NULL if found is None else label(found)


def _agree(task: str, one: Outcome, two: Outcome) -> bool:
    """Return whether two answers say the same for a task; one that is missing agrees with none."""
    first, second = one.answered.given, two.answered.given
    if first is None or second is None:
        return False
    return _said(first, task) == _said(second, task)


def _said(analysis: Analysis, task: str) -> object:
    if task == FAULTS:
        return {fault.name for fault in analysis.faults}
    if task == SCORECARD:
        return [each.answer for each in analysis.scorecard]
    return value(analysis, task)


def _confidences(answers: Sequence[Answered]) -> dict[str, Confidences]:
    by_task: dict[str, list[tuple[float, bool]]] = {}
    for each in answers:
        for claim in claims(each):
            by_task.setdefault(claim.task, []).append((claim.confidence, claim.is_right))
    found = {}
    for task, pairs in by_task.items():
        confidence = np.array([each for each, _ in pairs], float)
        is_right = np.array([each for _, each in pairs], bool)
        error = round(float(calibration_error(confidence, is_right)), 5)
        found[task] = Confidences(len(pairs), error, reliability(confidence, is_right))
    return found


def _pairs(answers: Sequence[Answered], task: str) -> Iterator[tuple[int, int]]:
    """Yield the score that is and the one that was answered, of calls with both."""
    for each in answers:
        if each.given is not None and each.is_known(task):
            wanted, found = score(each.target, task), score(each.given, task)
            if wanted is not None and found is not None:
                yield wanted, found


def _mean_errors(answers: Sequence[Answered]) -> dict[str, float]:
    distances = {
        task: [abs(found - wanted) for wanted, found in _pairs(answers, task)] for task in RATINGS
    }
    return {task: round(float(np.mean(each)), 3) for task, each in distances.items() if each}


def _speed(outcomes: Sequence[Outcome]) -> Speed | None:
    answered = [each for each in outcomes if not each.has_failed]
    if not answered:
        return None
    return Speed(
        prompt_tokens=_spread([each.prompt_tokens for each in answered]),
        answer_tokens=_spread([each.answer_tokens for each in answered]),
        prompt_s=_spread([each.prompt_s for each in answered]),
        answer_s=_spread([each.answer_s for each in answered]),
        call_s=_spread([each.prompt_s + each.answer_s for each in answered]),
    )


def _spread(values: Sequence[float]) -> Spread:
    p50, p95 = np.percentile(values, (50, 95))
    return Spread(*(round(float(each), 4) for each in (np.mean(values), p50, p95)))
