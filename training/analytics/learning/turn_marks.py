"""What each turn of a prompt shows: learnt beside the answer, so that turns are told apart early.

The answer names a turn in a few tokens at the end of a row; what a turn shows is known of every
turn. A small layer that only the training has reads it from the state at the number of the turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics.answer_parts import names_of
from models.analytics.prompts import number_mark
from training.analytics.measures.findings import (
    FAULTS,
    RATINGS,
    SCORECARD,
    evidence,
    score,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    for (task, what), turns in evidence(example.analysis, example.tasks).items():
        place = places[f"{task}: {_name(example.analysis, task, what, guide)}"]
        for turn in turns & found.keys():
            found[turn].add(place)
    return tuple(tuple(sorted(found[turn])) for turn in shown)


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


def _name(analysis: Analysis, task: str, what: str, guide: AnalysisGuide) -> str:
    """Return the name of a finding among `labels_of`; see `evidence` for ``what``."""
    if task == SCORECARD:
        return guide.scorecard[int(what)].name
    if task == FAULTS:
        return what
    points = score(analysis, task) if task in RATINGS else None
    return str(value(analysis, task) if points is None else points // _RANGE * _RANGE)
