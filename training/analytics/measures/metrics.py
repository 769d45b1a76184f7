"""The metrics of every task: what counts as right, and what the target is.

Each metric is a quotient of sums over calls, so that intervals come from drawing calls. A call
whose answer is missing or not valid counts, and nothing in it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.analytics.guide import churn_band
from training.analytics.measures.findings import (
    ACTION,
    CATEGORY,
    CHURN,
    CSAT,
    FAULTS,
    JOURNEY,
    OUTCOME,
    QUALITY,
    SCORECARD,
    SINGLE,
    SLOTS,
    TASKS,
    Answered,
    evidence,
    names_turns,
    score,
    value,
)
from training.measuring.bootstrap import Figure, figure_of, resampled_sums, share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.analytics.guide import AnalysisGuide

    Counts = tuple[float, float]  # a part, and the whole that it is a part of
    Counting = Callable[[Answered, AnalysisGuide], Counts]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a task.

    Attributes:
        name: In reports.
        title: For people.
        counts: What a call adds to the part and to the whole.
        target: That is to be reached; None where there is none.
        documents: What the documents expect; empty where they say nothing.
    """

    name: str
    title: str
    counts: Counting
    target: float | None = None
    documents: str = ""


def _within(task: str, points: int) -> Counting:
    """Return what counts a score near enough; a call without a score in the target does not."""

    def counts(answered: Answered, _guide: AnalysisGuide) -> Counts:
        wanted = score(answered.target, task)
        if wanted is None or not answered.is_known(task):
            return 0, 0
        found = None if answered.given is None else score(answered.given, task)
        return float(found is not None and abs(found - wanted) <= points), 1

    return counts


def _same(task: str, label: Callable[[str | int, AnalysisGuide], str | int]) -> Counting:
    """Return what counts equal labels; a call without one in the target does not."""

    def counts(answered: Answered, guide: AnalysisGuide) -> Counts:
        wanted = value(answered.target, task)
        if wanted is None or not answered.is_known(task):
            return 0, 0
        found = None if answered.given is None else value(answered.given, task)
        return float(found is not None and label(found, guide) == label(wanted, guide)), 1

    return counts


def _name(found: str | int, _guide: AnalysisGuide) -> str | int:
    return found


def _band(found: str | int, _guide: AnalysisGuide) -> str:
    return churn_band(int(found))


def _rating(found: str | int, guide: AnalysisGuide) -> str:
    return guide.effectiveness(int(found))


def _f1(right: float, given: float, has: float) -> Counts:
    """Return the counts whose quotient of sums is the F1 over all calls."""
    return 2 * right, given + has


def _coaching(answered: Answered, _guide: AnalysisGuide) -> Counts:
    if not answered.is_known(FAULTS):
        return 0, 0
    planted = {fault.name for fault in answered.target.faults}
    found = {fault.name for fault in answered.given.faults} if answered.given else set()
    return _f1(len(planted & found), len(found), len(planted))


def _all_faults(answered: Answered, _guide: AnalysisGuide) -> Counts:
    if not answered.is_known(FAULTS):
        return 0, 0
    planted = {fault.name for fault in answered.target.faults}
    given = answered.given
    return float(given is not None and {fault.name for fault in given.faults} == planted), 1


def _no_fault(answered: Answered, _guide: AnalysisGuide) -> Counts:
    if not answered.is_known(FAULTS) or answered.target.faults:
        return 0, 0
    return float(answered.given is not None and not answered.given.faults), 1


def _slots(answered: Answered, _guide: AnalysisGuide) -> Counts:
    right = given = has = 0
    for task in SLOTS:
        if answered.is_known(task):
            wanted = value(answered.target, task)
            found = None if answered.given is None else value(answered.given, task)
            right += found is not None and found == wanted
            given += found is not None
            has += wanted is not None
    return _f1(right, given, has)


def _evidence(answered: Answered, _guide: AnalysisGuide) -> Counts:
    """Count findings: right where all the turns given for one are turns that show it.

    A call whose target names no turn at all does not count: where it shows what is not known.
    """
    if not names_turns(answered.target):
        return 0, 0
    tasks = tuple(task for task in TASKS if answered.is_known(task))
    has = evidence(answered.target, tasks)
    given = {} if answered.given is None else evidence(answered.given, tasks)
    right = sum(turns <= has.get(key, frozenset()) for key, turns in given.items())
    return _f1(right, len(given), len(has))


def _scorecard(answered: Answered, _guide: AnalysisGuide) -> Counts:
    if not answered.is_known(SCORECARD):
        return 0, 0
    wanted = [each.answer for each in answered.target.scorecard]
    if answered.given is None:
        return 0, len(wanted)
    found = [each.answer for each in answered.given.scorecard]
    return float(sum(a == b for a, b in zip(found, wanted, strict=False))), len(wanted)


def _nulls(answered: Answered, _guide: AnalysisGuide) -> Counts:
    """Count nulls; an answer that is missing gives none."""
    right = given = has = 0
    for task in SINGLE:
        if answered.is_known(task):
            is_null = value(answered.target, task) is None
            was_null = answered.given is not None and value(answered.given, task) is None
            right += is_null and was_null
            given += was_null
            has += is_null
    return _f1(right, given, has)


METRICS = (
    Metric("quality_within_10", "quality within 10 points", _within(QUALITY, 10), 0.85, "85-90 %"),
    Metric("csat_within_15", "CSAT within 15 points", _within(CSAT, 15), 0.8, "80-85 %"),
    Metric("issue_accuracy", "issue accuracy", _same(CATEGORY, _name), 0.9, "90-95 %"),
    Metric("churn_band_accuracy", "churn band accuracy", _same(CHURN, _band), 0.75, "75-80 %"),
    Metric("journey_accuracy", "journey accuracy", _same(JOURNEY, _name), 0.85, "85-90 %"),
    Metric("coaching_f1", "coaching F1", _coaching, 0.8, "80-85 % relevance"),
    Metric("summary_f1", "summary slots F1", _slots, 0.8),
    Metric("evidence_f1", "evidence F1", _evidence, 0.7),
    Metric("scorecard_accuracy", "scorecard accuracy", _scorecard),
    Metric("effectiveness_accuracy", "effectiveness rating", _same(QUALITY, _rating)),
    Metric("null_f1", "null where null is right, F1", _nulls),
    Metric("action_accuracy", "action accuracy", _same(ACTION, _name)),
    Metric("outcome_accuracy", "outcome accuracy", _same(OUTCOME, _name)),
    Metric("faults_exact", "all faults of a call right", _all_faults),
    Metric("no_fault_accuracy", "no recommendation where there is no fault", _no_fault),
)


def measure(
    counts: Sequence[Counts], calls: Sequence[str], *, resamples: int, seed: int = 0
) -> tuple[Figure, int] | None:
    """Return a quotient of sums with its interval, and the calls in it; None where there is none.

    Args:
        counts: What each answer adds to the part and to the whole.
        calls: The id of the call of each answer; answers to one call are drawn together.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
    """
    values = np.array(counts, float).reshape(-1, 2)
    counting = values[:, 1] > 0
    if not counting.any():
        return None
    _, groups = np.unique(np.array(calls), return_inverse=True)
    whole, drawn = values.sum(axis=0), resampled_sums(values, groups, resamples, seed)
    number = len(np.unique(groups[counting]))
    return figure_of(share(whole[0], whole[1]), share(drawn[:, 0], drawn[:, 1]), number), number
