"""What an analysis says of a call, task by task, as metrics compare it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.analytics.analysis import Analysis
from training.analytics.corpus.examples import Example

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.analytics.analysis import Choice, Judgement, Rating

CHOICES = CATEGORY, JOURNEY, ACTION, OUTCOME = "category", "journey", "action", "outcome"
RATINGS = CSAT, CHURN, QUALITY = "csat", "churn", "quality"
FAULTS, SCORECARD = "faults", "scorecard"
SLOTS = CATEGORY, ACTION, OUTCOME  # of the summary
SINGLE = (*CHOICES, *RATINGS)  # tasks with one answer, which may be null
TASKS = (*SINGLE, FAULTS, SCORECARD)


class Answered(msgspec.Struct, frozen=True):
    """A call, and what a model answered of it.

    Attributes:
        example: The call with its target.
        given: The answer; None where there is none, or its text is not valid.
        reason: Why there is none; empty where there is one.
    """

    example: Example
    given: Analysis | None
    reason: str = ""

    @property
    def target(self) -> Analysis:
        """Return what was to be answered."""
        return self.example.analysis

    def is_known(self, task: str) -> bool:
        """Return whether the target of a task is known; an unknown one is not measured."""
        return task in self.example.tasks


class Claim(NamedTuple):
    """One answer with its confidence.

    Attributes:
        task: Of the answer.
        confidence: 0 to 1.
        is_right: It says what the target says.
    """

    task: str
    confidence: float
    is_right: bool


def value_of(found: Choice | Rating | None) -> str | int | None:
    """Return the name or the score."""
    if found is None:
        return None
    name: str | int | None = getattr(found, "name", None)
    return found.score if name is None else name  # type: ignore[union-attr]


def single(analysis: Analysis, task: str) -> Choice | Rating | None:
    """Return the answer of a task that has one."""
    found: Choice | Rating | None = getattr(analysis, task)
    return found


def value(analysis: Analysis, task: str) -> str | int | None:
    """Return name or score of a task that has one answer; None where the call shows none."""
    return value_of(single(analysis, task))


def score(analysis: Analysis, task: str) -> int | None:
    """Return the score of a rating."""
    rating: Rating | None = getattr(analysis, task)
    return None if rating is None else rating.score


def evidence(analysis: Analysis, tasks: tuple[str, ...]) -> dict[tuple[str, str], frozenset[int]]:
    """Return the turns of each finding that names any, by task and what the finding is about.

    Those of the quality score are those of the faults, and count once; a "no" of the scorecard is
    what no turn shows.
    """
    found = {
        (task, what): frozenset(each.turns)
        for task in tasks
        if task != QUALITY
        for what, each in _parts(analysis, task)
    }
    return {key: turns for key, turns in found.items() if turns}


def names_turns(analysis: Analysis) -> bool:
    """Return whether an analysis names turns at all; those that people make may not."""
    return bool(evidence(analysis, TASKS))


def _parts(analysis: Analysis, task: str) -> Iterator[tuple[str, Choice | Rating | Judgement]]:
    if task == FAULTS:
        yield from ((fault.name, fault) for fault in analysis.faults)
    elif task == SCORECARD:
        for place, each in enumerate(analysis.scorecard):
            if each.answer == "yes":
                yield str(place), each
    else:
        found = single(analysis, task)
        if found is not None:
            yield "", found


def claims(answered: Answered) -> Iterator[Claim]:
    """Yield every answer whose confidence is known."""
    given, target = answered.given, answered.target
    if given is None:
        return
    for task in SINGLE:
        found = single(given, task)
        if found is not None and found.confidence >= 0 and answered.is_known(task):
            is_right = value_of(found) == value(target, task)
            yield Claim(task, found.confidence, is_right)
    if answered.is_known(FAULTS):
        planted = {fault.name for fault in target.faults}
        for fault in given.faults:
            if fault.confidence >= 0:
                yield Claim(FAULTS, fault.confidence, fault.name in planted)
    if answered.is_known(SCORECARD):
        for mine, right in zip(given.scorecard, target.scorecard, strict=False):
            if mine.confidence >= 0:
                yield Claim(SCORECARD, mine.confidence, mine.answer == right.answer)
