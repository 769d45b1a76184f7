"""Confidences of findings as probabilities: a line for each task, fitted on validation calls.

A small model is surer of itself than it is right, most of all of scores. How far depends on the
adapter, so the lines are in its manifest.
"""

import math
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.log_odds import expit, logit

CALIBRATED = frozenset(Analysis.__struct_fields__)  # names of the tasks


class ConfidenceLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map of probabilities that keeps their order: a line between their log odds.

    Attributes:
        slope: Positive; below 1 for an overconfident model.
        intercept: Added to the log odds.

    Source: Platt 1999.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a line that would turn the order round."""
        if not (self.slope > 0 and math.isfinite(self.slope) and math.isfinite(self.intercept)):
            raise ValueError(f"{self}: the slope must exceed 0")

    def __call__(self, confidence: float) -> float:
        """Return the calibrated confidence; -1, unknown, stays."""
        if confidence < 0:
            return confidence
        return expit(self.slope * logit(confidence) + self.intercept)


def calibrated(analysis: Analysis, lines: Mapping[str, ConfidenceLine]) -> Analysis:
    """Return an analysis with its confidences on the lines; a task without one keeps its own.

    Args:
        analysis: As the model's tokens give it.
        lines: By task, of the manifest.
    """
    if not lines:
        return analysis
    changed: dict[str, object] = {}
    for task, line in lines.items():
        found = getattr(analysis, task)
        if isinstance(found, tuple):
            changed[task] = tuple(_on(line, each) for each in found)
        elif found is not None:
            changed[task] = _on(line, found)
    return replace(analysis, **changed)


def _on(line: ConfidenceLine, found: Choice | Rating | Judgement) -> Choice | Rating | Judgement:
    return replace(found, confidence=line(found.confidence))
