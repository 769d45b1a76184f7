"""How many calls have which answer, task by task."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from models.analytics.analysis import MAX_SCORE, Analysis
from models.analytics.guide import CHURN_BANDS, churn_band

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example

TASKS = Analysis.__struct_fields__
NOT_SHOWN, NONE, UNKNOWN = "null", "none", "not known"
MAX_BAND_SHARE = 0.4  # of the test calls, of one churn band
_CHOICES = ("category", "journey", "action", "outcome")
_FIFTH = MAX_SCORE // 5


def count_answers(examples: Sequence[Example], guide: AnalysisGuide) -> dict[str, dict[str, int]]:
    """Return by task and answer the number of calls; those of an unknown task are counted too."""
    counts: dict[str, Counter[str]] = {task: Counter(_all_labels(task, guide)) for task in TASKS}
    for each in examples:
        for task in TASKS:
            is_known = task in each.tasks
            counts[task].update(_labels(each.analysis, task, guide) if is_known else [UNKNOWN])
    return {task: {label: n for label, n in found.items() if n} for task, found in counts.items()}


def largest_band_share(answers: dict[str, int]) -> float:
    """Return the share of the most frequent churn band among the calls whose risk is known."""
    known = {name: count for name, count in answers.items() if name != UNKNOWN}
    return max(known.values(), default=0) / max(1, sum(known.values()))


def _all_labels(task: str, guide: AnalysisGuide) -> dict[str, int]:
    """Return the labels in the order of the guide, with nothing counted."""
    lists: dict[str, Iterable[str]] = {
        "category": guide.categories,
        "journey": (each.name for each in guide.journeys),
        "action": (each.name for each in guide.actions),
        "outcome": (each.name for each in guide.outcomes),
        "faults": (each.name for each in guide.faults),
        "csat": map(_fifth, range(0, MAX_SCORE, _FIFTH)),
        "churn": (name for name, _ in reversed(CHURN_BANDS)),
        "quality": (each.name for each in reversed(guide.bands)),
    }
    return dict.fromkeys(lists.get(task, ()), 0)


def _labels(analysis: Analysis, task: str, guide: AnalysisGuide) -> Iterator[str]:
    if task == "faults":
        yield from (each.name for each in analysis.faults) if analysis.faults else (NONE,)
        return
    if task == "scorecard":
        for question, each in zip(guide.scorecard, analysis.scorecard, strict=True):
            yield f"{question.name}: {each.answer or NOT_SHOWN}"
        return
    found = getattr(analysis, task)
    if found is None:
        yield NOT_SHOWN
    elif task in _CHOICES:
        yield found.name
    elif task == "churn":
        yield churn_band(found.score)
    elif task == "quality":
        yield guide.effectiveness(found.score)
    else:
        yield _fifth(found.score)


def _fifth(score: int) -> str:
    """Return the fifth of the scale that a score is in, as a range."""
    first = min(score // _FIFTH, MAX_SCORE // _FIFTH - 1) * _FIFTH
    return f"{first} to {first + _FIFTH - 1 if first + _FIFTH < MAX_SCORE else MAX_SCORE}"
