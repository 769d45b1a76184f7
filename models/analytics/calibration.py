"""Confidences of findings as probabilities: a line for each task, fitted on validation calls.

A small model is surer of itself than it is right, most of all of scores. How far depends on the
adapter, so the lines are in its manifest.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.log_odds import ConfidenceLine

CALIBRATED = frozenset(Analysis.__struct_fields__)  # names of the tasks


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
    if found.confidence < 0:
        return found  # unknown
    return replace(found, confidence=line(found.confidence))
