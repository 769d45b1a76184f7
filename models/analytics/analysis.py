"""What a model answers of one call, by names of the guide and indexes of the call's turns.

An agent, the API and the command line make messages of it; training and evaluation compare it with
what was planted. None is what the call does not show.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Answer = Literal["yes", "no"]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of a closed list of the guide.

    Attributes:
        name: As the guide has it.
        turns: Indexes of the turns that show it, from 0, ascending.
        confidence: 0 to 1; -1 where unknown.
    """

    name: str
    turns: tuple[int, ...] = ()
    confidence: float = -1.0


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """A score in steps of `STEP`.

    Attributes:
        score: 0 to 100.
        turns: As of a `Choice`.
        confidence: As of a `Choice`.
    """

    score: int
    turns: tuple[int, ...] = ()
    confidence: float = -1.0


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question of the scorecard; None where it does not apply."""

    answer: Answer | None
    turns: tuple[int, ...] = ()
    confidence: float = -1.0


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """The six tasks, the summary and the scorecard of one call.

    Attributes:
        category: Main category of the guide's label set; also the issue of the summary.
        journey: Journey type.
        action: What the agent did, of the summary.
        outcome: How the call ended, of the summary.
        faults: Of the agent, each of which has a recommendation; at most `MAX_FAULTS`.
        scorecard: One for each question of the guide, in its order.
        csat: Satisfaction of the customer.
        churn: Risk that the customer leaves.
        quality: Of the agent's service; its turns are those of the faults.
    """

    category: Choice | None
    journey: Choice | None
    action: Choice | None
    outcome: Choice | None
    faults: tuple[Choice, ...]
    scorecard: tuple[Judgement, ...]
    csat: Rating | None
    churn: Rating | None
    quality: Rating | None


STEP = 5  # of scores
MAX_SCORE = 100
MAX_FAULTS = 3
