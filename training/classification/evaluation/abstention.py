"""Thresholds for abstention: how many calls are answered, and how many of these rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.classification.evaluation.results import Threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

STEPS = tuple(round(0.05 * step, 2) for step in range(20))
NONE = -1.0


def thresholds(
    confidence: npt.NDArray[np.floating], is_right: npt.NDArray[np.bool_]
) -> tuple[Threshold, ...]:
    """Return coverage and accuracy at every threshold from 0 to 0.95."""
    found = []
    for step in STEPS:
        kept = confidence >= step
        accuracy = float(is_right[kept].mean()) if kept.any() else 1.0
        found.append(Threshold(step, round(float(kept.mean()), 5), round(accuracy, 5)))
    return tuple(found)


def least_threshold(curve: Sequence[Threshold], accuracy: float) -> float:
    """Return the lowest confidence from which answers are that accurate; -1 where none is.

    Thresholds that leave no call to be answered do not count.
    """
    reached = (each.confidence for each in curve if each.coverage and each.accuracy >= accuracy)
    return next(reached, NONE)
