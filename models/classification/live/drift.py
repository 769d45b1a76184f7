"""Drift: whether the answers of one time differ from those of another by more than chance."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from schemas.classification import CallClassified

LOOK_FROM = 0.1  # population stability index: below, a shift does not matter
CERTAINTY_Z = 3.09  # of a normal distribution: chance alone gives more once in 1,000 comparisons
CONFIDENCE_BINS = 10
FEWEST_EXPECTED = 5.0  # answers of a label in the smaller window; rarer labels count together
OTHERS, NO_LABEL = "(rare labels)", "(none)"


class Shift(msgspec.Struct, frozen=True):
    """How far one distribution is from another.

    Attributes:
        reference: Answers of the reference window.
        recent: Of the window that is looked at.
        psi: Population stability index, from 0.
        chance: What it reaches by chance alone, with so few answers, once in 1,000 comparisons.
        js_divergence: Jensen-Shannon divergence in bits, 0 to 1.
        is_large: The index matters, and chance does not explain it: look at the calls.
    """

    reference: int
    recent: int
    psi: float
    chance: float
    js_divergence: float
    is_large: bool


class TaskDrift(msgspec.Struct, frozen=True):
    """One task in two windows.

    Attributes:
        labels: Of the first label of each answer.
        confidences: Of its confidence, in ten bins.
        reference_labels: Answers by label.
        recent_labels: Likewise.
        reference_confidences: Answers by bin, from 0 to 1.
        recent_confidences: Likewise.
    """

    labels: Shift
    confidences: Shift
    reference_labels: dict[str, int]
    recent_labels: dict[str, int]
    reference_confidences: tuple[int, ...]
    recent_confidences: tuple[int, ...]


class DriftReport(msgspec.Struct, frozen=True):
    """Two windows compared.

    Attributes:
        abstentions: Of why calls were abstained from; ``(none)`` are those that were answered.
        reference_abstentions: Calls by reason.
        recent_abstentions: Likewise.
        tasks: By name.
    """

    abstentions: Shift
    reference_abstentions: dict[str, int]
    recent_abstentions: dict[str, int]
    tasks: dict[str, TaskDrift]

    @property
    def large(self) -> tuple[str, ...]:
        """Return what has shifted, in words."""
        found = ["abstentions"] if self.abstentions.is_large else []
        for name, task in self.tasks.items():
            found += [f"labels of {name}"] if task.labels.is_large else []
            found += [f"confidences of {name}"] if task.confidences.is_large else []
        return tuple(found)


def drift_report(
    reference: Iterable[CallClassified],
    recent: Iterable[CallClassified],
    *,
    look_from: float = LOOK_FROM,
) -> DriftReport:
    """Return how the answers of two windows differ.

    Args:
        reference: Answers of the window that counts as normal, one a call.
        recent: Of the window that is looked at.
        look_from: Population stability index from which a shift matters.
    """
    windows = _Window(reference), _Window(recent)
    names = dict.fromkeys(name for window in windows for name in window.labels)
    before, after = windows
    return DriftReport(
        shift(before.abstentions, after.abstentions, look_from=look_from),
        dict(before.abstentions),
        dict(after.abstentions),
        {name: _task(name, before, after, look_from) for name in names},
    )


class _Window:
    """The counts of one window."""

    def __init__(self, answers: Iterable[CallClassified]) -> None:
        self.abstentions: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {}
        self.confidences: dict[str, Counter[str]] = {}
        for call in answers:
            self.abstentions[call.abstained or NO_LABEL] += 1
            for answer in call.answers:
                if answer.raised_by:
                    continue  # a rule answered, not the model
                first = answer.labels[0] if answer.labels else None
                labels = self.labels.setdefault(answer.task, Counter())
                labels[first.label if first else NO_LABEL] += 1
                if first and first.confidence >= 0:
                    place = min(int(first.confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)
                    self.confidences.setdefault(answer.task, Counter())[str(place)] += 1

    def bins(self, task: str) -> tuple[int, ...]:
        counts = self.confidences.get(task, Counter())
        return tuple(counts[str(place)] for place in range(CONFIDENCE_BINS))


def _task(name: str, before: _Window, after: _Window, look_from: float) -> TaskDrift:
    labels = [window.labels.get(name, Counter()) for window in (before, after)]
    confidences = [window.confidences.get(name, Counter()) for window in (before, after)]
    return TaskDrift(
        shift(*labels, look_from=look_from),
        shift(*confidences, look_from=look_from),
        dict(labels[0].most_common()),
        dict(labels[1].most_common()),
        before.bins(name),
        after.bins(name),
    )


def shift(
    reference: Mapping[str, int], recent: Mapping[str, int], *, look_from: float = LOOK_FROM
) -> Shift:
    """Return how far the recent counts are from the reference.

    Rare kinds are counted together, and half an answer is added to each kind, so that one that is
    new has no infinite weight. Without any answers in a window there is nothing to compare.
    """
    totals = sum(reference.values()), sum(recent.values())
    if not all(totals):
        return Shift(*totals, 0.0, 0.0, 0.0, is_large=False)
    kinds = _kinds(reference, recent)
    counts = np.array([[one for one, _ in kinds], [other for _, other in kinds]], np.float64) + 0.5
    p, q = counts / counts.sum(axis=1, keepdims=True)
    psi = float(((p - q) * np.log(p / q)).sum())
    middle = (p + q) / 2
    js = float(((p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum()) / 2)
    chance = _chi_square_quantile(len(kinds) - 1) * sum(1.0 / total for total in totals)
    is_large = psi >= look_from and psi > chance
    return Shift(*totals, round(psi, 5), round(chance, 5), round(js, 5), is_large=is_large)


def _kinds(reference: Mapping[str, int], recent: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the counts of each kind in both windows, those of rare ones together at the end."""
    totals = sum(reference.values()), sum(recent.values())
    smaller = min(totals) / sum(totals)
    kinds, rare = [], [0, 0]
    for name in sorted({*reference, *recent}):
        one, other = reference.get(name, 0), recent.get(name, 0)
        if (one + other) * smaller < FEWEST_EXPECTED:
            rare[0] += one
            rare[1] += other
        else:
            kinds.append((one, other))
    return [*kinds, (rare[0], rare[1])] if any(rare) else kinds


def _chi_square_quantile(degrees: int) -> float:
    """Return what a chi-square variable exceeds once in 1,000 times.

    Under equal distributions the index times the harmonic size of the windows is one.

    Source: Wilson and Hilferty 1931, doi:10.1073/pnas.17.12.684; Yurdakul 2018, Western Michigan
    University, dissertation 3208, on the distribution of the index.
    """
    if degrees < 1:
        return 0.0
    part = 2.0 / (9.0 * degrees)
    return float(degrees * (1.0 - part + CERTAINTY_Z * sqrt(part)) ** 3)
