"""An analysis as labels by name, so that baselines treat all tasks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics.analysis import MAX_FAULTS, Analysis, Choice, Judgement, Rating
from training.analytics.measures.findings import (
    CHOICES,
    FAULTS,
    RATINGS,
    SCORECARD,
    SINGLE,
    single,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.analytics.analysis import Answer
    from models.analytics.guide import AnalysisGuide
    from training.analytics.corpus.examples import Example

    Label = str | int | None

IS_THERE = "is there"  # label of a fault that the agent made; None where not


def names_of(guide: AnalysisGuide) -> tuple[str, ...]:
    """Return the names of all labels that a call has: tasks, faults, questions."""
    faults = (_name(FAULTS, fault.name) for fault in guide.faults)
    questions = (_name(SCORECARD, question.name) for question in guide.scorecard)
    return (*SINGLE, *faults, *questions)


def labels_of(example: Example, guide: AnalysisGuide) -> dict[str, Label]:
    """Return the known labels of a call by their names."""
    found: dict[str, Label] = {
        task: value(example.analysis, task) for task in SINGLE if task in example.tasks
    }
    if FAULTS in example.tasks:
        made = {fault.name for fault in example.analysis.faults}
        for fault in guide.faults:
            found[_name(FAULTS, fault.name)] = IS_THERE if fault.name in made else None
    if SCORECARD in example.tasks:
        for question, judged in zip(guide.scorecard, example.analysis.scorecard, strict=True):
            found[_name(SCORECARD, question.name)] = judged.answer
    return found


def turns_of(example: Example, guide: AnalysisGuide) -> dict[str, tuple[int, ...]]:
    """Return the turns that show each label, by its name; of known labels with turns alone."""
    analysis = example.analysis
    found = {task: each.turns for task in SINGLE if (each := single(analysis, task)) is not None}
    found |= {_name(FAULTS, fault.name): fault.turns for fault in analysis.faults}
    found |= {
        _name(SCORECARD, question.name): judged.turns
        for question, judged in zip(guide.scorecard, analysis.scorecard, strict=True)
    }
    known = labels_of(example, guide)
    return {name: turns for name, turns in found.items() if turns and name in known}


def analysis_of(
    labels: Mapping[str, Label], turns: Mapping[str, Sequence[int]], guide: AnalysisGuide
) -> Analysis:
    """Return the analysis that labels and turns by name stand for."""

    def shown(name: str) -> tuple[int, ...]:
        return tuple(turns.get(name, ()))

    def choice(task: str) -> Choice | None:
        label = labels.get(task)
        return None if label is None else Choice(name=str(label), turns=shown(task))

    def rating(task: str) -> Rating | None:
        label = labels.get(task)
        return None if label is None else Rating(score=int(label), turns=shown(task))

    def judgement(name: str) -> Judgement:
        answers: dict[Label, Answer] = {"yes": "yes", "no": "no"}
        answer = answers.get(labels.get(name))
        return Judgement(answer=answer, turns=shown(name) if answer == "yes" else ())

    names = [_name(FAULTS, fault.name) for fault in guide.faults]
    faults = [
        Choice(name=fault.name, turns=shown(name))
        for fault, name in zip(guide.faults, names, strict=True)
        if labels.get(name) == IS_THERE
    ]
    category, journey, action, outcome = (choice(task) for task in CHOICES)
    csat, churn, quality = (rating(task) for task in RATINGS)
    return Analysis(
        category=category,
        journey=journey,
        action=action,
        outcome=outcome,
        faults=tuple(faults[:MAX_FAULTS]),
        scorecard=tuple(judgement(_name(SCORECARD, each.name)) for each in guide.scorecard),
        csat=csat,
        churn=churn,
        quality=quality,
    )


def _name(task: str, entry: str) -> str:
    return f"{task}/{entry}"
