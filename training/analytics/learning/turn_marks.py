"""What each turn of a prompt shows: learnt beside the answer, so that turns are told apart early.

The answer names a turn in a few tokens at the end of a row; what a turn shows is known of every
turn. A small layer that only the training has reads it from the state at the number of the turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics.answer_parts import names_of
from models.analytics.prompts import number_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.analytics.analysis import Analysis
    from models.analytics.guide import AnalysisGuide
    from models.analytics.prompts import Prompt
    from training.analytics.corpus.examples import Example

_RANGE = 25  # scores of one label


def labels_of(guide: AnalysisGuide) -> tuple[str, ...]:
    """Return what a turn may show of a guide, each as ``task: name``."""
    scores = [str(start) for start in range(0, 101, _RANGE)]
    lists = {
        "category": guide.categories,
        "journey": names_of(guide.journeys),
        "action": names_of(guide.actions),
        "outcome": names_of(guide.outcomes),
        "faults": names_of(guide.faults),
        "scorecard": names_of(guide.scorecard),
        "csat": scores,
        "churn": scores,
    }
    return tuple(f"{task}: {name}" for task, names in lists.items() for name in names)


def shown_labels(
    example: Example, guide: AnalysisGuide, shown: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return of each turn that a prompt shows which of `labels_of` it shows, ascending."""
    places = {label: index for index, label in enumerate(labels_of(guide))}
    found: dict[int, set[int]] = {turn: set() for turn in shown}
    for task, name, turns in _findings(example, guide):
        if task in example.tasks:
            for turn in turns:
                if turn in found:
                    found[turn].add(places[f"{task}: {name}"])
    return tuple(tuple(sorted(found[turn])) for turn in shown)


def names_turns(analysis: Analysis) -> bool:
    """Return whether an analysis says of anything which turns show it; those of people may not."""
    found = (
        analysis.category,
        analysis.journey,
        analysis.action,
        analysis.outcome,
        *analysis.faults,
        *analysis.scorecard,
        analysis.csat,
        analysis.churn,
    )
    return any(each is not None and each.turns for each in found)


def number_ends(prompt: Prompt, text: str) -> list[int]:
    """Return the place in a text where the number of each turn ends.

    Args:
        prompt: Of the chat form.
        text: That has what the user says in it.
    """
    ends, place = [], text.index(prompt.user)
    lines = prompt.user.split("\n")
    numbered = 0
    for line in lines:
        place += len(line)
        if numbered < len(prompt.shown) and line.endswith(number_mark(numbered + 1)):
            numbered += 1
            ends.append(place)
        place += 1
    return ends


def _findings(example: Example, guide: AnalysisGuide) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield task, name and turns of everything that an analysis found."""
    analysis = example.analysis
    for task in ("category", "journey", "action", "outcome"):
        choice = getattr(analysis, task)
        if choice is not None:
            yield task, choice.name, choice.turns
    for fault in analysis.faults:
        yield "faults", fault.name, fault.turns
    for question, judged in zip(guide.scorecard, analysis.scorecard, strict=True):
        yield "scorecard", question.name, judged.turns
    for task in ("csat", "churn"):
        rating = getattr(analysis, task)
        if rating is not None:
            yield task, str(rating.score // _RANGE * _RANGE), rating.turns
