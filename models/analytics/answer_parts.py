"""What all forms of an answer share: the turns that can be named, errors, confidences."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec.structs import replace

from models.analytics.analysis import (
    MAX_FAULTS,
    MAX_SCORE,
    STEP,
    Analysis,
    Choice,
    Judgement,
    Rating,
)
from schemas.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide

AnswerForm = Literal["codes", "document"]
MAX_TURNS = 999  # that a prompt shows


class HasName(Protocol):
    """An entry of a list of the guide."""

    @property
    def name(self) -> str:
        """As answers give it."""


class AnswerError(InferenceError, ValueError):
    """An answer that is not of its form, or an analysis that the form cannot hold."""


class TokenConfidences:
    """The tokens of an answer, by their place in its text.

    Args:
        text: The answer.
        tokens: Text of each token and the probability of the token among those that the grammar
            allowed; empty where the back-end tells none.
    """

    def __init__(self, text: str, tokens: Sequence[tuple[str, float]]) -> None:
        self._tokens = tokens if "".join(each for each, _ in tokens).startswith(text) else ()
        self._ends = list(accumulate(len(each) for each, _ in self._tokens))

    def of(self, start: int, stop: int) -> float:
        """Return the probability of the characters from ``start`` to ``stop``; -1 if unknown."""
        if not self._tokens:
            return -1.0
        shares = [
            confidence
            for end, (text, confidence) in zip(self._ends, self._tokens, strict=True)
            if end > start and end - len(text) < stop
        ]
        return min(max(math.prod(shares), 0.0), 1.0)


def as_shown(analysis: Analysis, shown: Sequence[int]) -> Analysis:
    """Return what an answer can say of a call whose prompt shows the turns ``shown``.

    A fact keeps the first of its turns that is shown. A fault or a "yes" of the scorecard all of
    whose turns are left out cannot be seen: the fault falls away, the question has no answer. A
    "no" has no turns.
    """
    place = set(shown)

    def first(turns: Sequence[int]) -> tuple[int, ...]:
        return tuple(turn for turn in turns if turn in place)[:1]

    def choice(each: Choice | None) -> Choice | None:
        return each and replace(each, turns=first(each.turns))

    def rating(each: Rating | None) -> Rating | None:
        return each and replace(each, turns=first(each.turns))

    def judgement(each: Judgement) -> Judgement:
        if each.answer == "no":
            return replace(each, turns=())
        if each.answer is None or (each.turns and not first(each.turns)):
            return Judgement(answer=None)
        return replace(each, turns=first(each.turns))

    faults = tuple(
        replace(each, turns=first(each.turns))
        for each in analysis.faults
        if first(each.turns) or not each.turns
    )
    return Analysis(
        category=choice(analysis.category),
        journey=choice(analysis.journey),
        action=choice(analysis.action),
        outcome=choice(analysis.outcome),
        faults=faults,
        scorecard=tuple(judgement(each) for each in analysis.scorecard),
        csat=rating(analysis.csat),
        churn=rating(analysis.churn),
        quality=analysis.quality and replace(analysis.quality, turns=turns_of(faults)),
    )


def turns_of(faults: Sequence[Choice]) -> tuple[int, ...]:
    """Return the turns that cost quality: those of the faults, ascending."""
    return tuple(sorted({turn for each in faults for turn in each.turns}))


def turn_of(number: str | int | None, shown: Sequence[int]) -> tuple[int, ...]:
    """Return the turn that an answer names by its number in the prompt; none without a number.

    Raises:
        AnswerError: The prompt shows no such turn.
    """
    if number is None:
        return ()
    if not 1 <= int(number) <= len(shown):
        msg = f"the answer names turn {number}; the prompt shows {len(shown)}"
        raise AnswerError(msg)
    return (shown[int(number) - 1],)


def number_of(turns: Sequence[int], shown: Sequence[int]) -> int | None:
    """Return the number in the prompt of the first turn; None without a turn."""
    return shown.index(turns[0]) + 1 if turns else None


def check_score(score: int) -> int:
    """Return a score that is one of the steps.

    Raises:
        AnswerError: It is another one.
    """
    if score % STEP or not 0 <= score <= MAX_SCORE:
        msg = f"the score {score} is no multiple of {STEP} from 0 to {MAX_SCORE}"
        raise AnswerError(msg)
    return score


def check_analysis(analysis: Analysis, guide: AnalysisGuide) -> None:
    """Raise an `AnswerError` where an analysis is not one of this guide."""
    lists = (
        ("category", guide.categories, (analysis.category,)),
        ("journey", names_of(guide.journeys), (analysis.journey,)),
        ("action", names_of(guide.actions), (analysis.action,)),
        ("outcome", names_of(guide.outcomes), (analysis.outcome,)),
        ("faults", names_of(guide.faults), analysis.faults),
    )
    for task, names, choices in lists:
        for each in choices:
            if each is not None and each.name not in names:
                msg = f"{task}: {each.name!r} is not in the guide {guide.versioned_name}"
                raise AnswerError(msg)
    for rating in (analysis.csat, analysis.churn, analysis.quality):
        if rating is not None:
            check_score(rating.score)
    faults = [each.name for each in analysis.faults]
    if len(faults) > MAX_FAULTS or len(set(faults)) < len(faults):
        msg = f"faults: at most {MAX_FAULTS}, each once, not {', '.join(faults)}"
        raise AnswerError(msg)
    if len(analysis.scorecard) != len(guide.scorecard):
        questions, answers = len(guide.scorecard), len(analysis.scorecard)
        msg = f"scorecard: {answers} answers to {questions} questions"
        raise AnswerError(msg)


def names_of(entries: Sequence[HasName]) -> tuple[str, ...]:
    """Return the names of the entries of a list of the guide."""
    return tuple(each.name for each in entries)
