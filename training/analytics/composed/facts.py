"""What is planted in a call, and the rules by which the answer follows from it.

**Category, journey, action, outcome, faults** and the answers of the scorecard are planted as they
are. The journey is ``cancellation`` where the customer wants to end or cancel something, else
``complaint`` where they complain of the company, else ``repeat contact`` where they mention an
earlier contact, else what they want.

**Quality** is 100 less the points of every fault and of every "no" of the scorecard, by the guide.

**CSAT** shows in what the customer says of the call at its end; where they say nothing of it, it is
null. It begins at `CLOSINGS`; an outcome that is pending takes 5, unresolved or abandoned takes 10;
a fault of 15 points or more takes 5.

**Churn** follows from what the customer says of staying. Low: 10 where nothing is said, 5 where
they say that they stay. Medium: 50 where they are dissatisfied with the company, 55 where they
compare it with others, 65 for both; 45 where they wanted to leave and are kept. High: 75 where they
leave under a condition, 90 where they leave, or end a contract or an account; to cancel an order
or a booking is no cue. Who is annoyed at the end adds 10 to a low risk, who is furious 20; to a
high risk who is furious adds 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from models.analytics.analysis import Analysis, Answer, Choice, Judgement, Rating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide

Tone = Literal["delighted", "satisfied", "lukewarm", "annoyed", "furious"]
Cue = Literal["loyal", "dissatisfied", "comparing", "threatens", "leaves", "stays"]
CLOSINGS: dict[Tone, int] = {
    "delighted": 95,
    "satisfied": 80,
    "lukewarm": 55,
    "annoyed": 30,
    "furious": 10,
}
_BY_OUTCOME = {"resolved": 0, "pending": -5, "unresolved": -10, "abandoned": -10}
_GRAVE = 15  # points of a fault that customers notice
_NOTICED = -5
_NOTHING_SAID, _LOYAL, _KEPT, _DISSATISFIED, _COMPARING, _BOTH = 10, 5, 45, 50, 55, 65
_THREATENS, _LEAVES = 75, 90
_LOW_BY_TONE: dict[Tone, int] = {"annoyed": 10, "furious": 20}
_HIGH_BY_TONE: dict[Tone, int] = {"furious": 5}

CATEGORY, JOURNEY, ACTION, OUTCOME, TONE = "category", "journey", "action", "outcome", "tone"


def fault_mark(name: str) -> str:
    """Return the mark of the turns with a fault."""
    return f"fault: {name}"


def question_mark(name: str) -> str:
    """Return the mark of the turns that answer a question of the scorecard with yes."""
    return f"question: {name}"


def cue_mark(cue: Cue) -> str:
    """Return the mark of the turns with a cue of churn."""
    return f"churn: {cue}"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is planted in a call.

    Attributes:
        category: Main category.
        journey: Of the guide.
        action: None where the call ends before any.
        outcome: Of the guide.
        tone: None where the customer says nothing of the call.
        cues: Of churn.
        faults: Of the agent.
        answers: Of the scorecard, by question; None where it does not apply.
    """

    category: str
    journey: str
    action: str | None
    outcome: str
    tone: Tone | None
    cues: tuple[Cue, ...]
    faults: tuple[str, ...]
    answers: dict[str, Answer | None]


def quality_of(facts: Facts, guide: AnalysisGuide) -> int:
    """Return the quality score."""
    faults = sum(each.points for each in guide.faults if each.name in facts.faults)
    noes = sum(each.points for each in guide.scorecard if facts.answers[each.name] == "no")
    return max(0, 100 - faults - noes)


def csat_of(facts: Facts, guide: AnalysisGuide) -> int | None:
    """Return the satisfaction of the customer; None where it does not show."""
    if facts.tone is None:
        return None
    grave = any(each.points >= _GRAVE for each in guide.faults if each.name in facts.faults)
    score = CLOSINGS[facts.tone] + _BY_OUTCOME[facts.outcome] + (_NOTICED if grave else 0)
    return max(0, score)


def churn_of(facts: Facts) -> int:
    """Return the risk that the customer leaves."""
    cues = set(facts.cues)
    if "stays" in cues:
        return _KEPT
    if cues & {"leaves", "threatens"}:
        high = _LEAVES if "leaves" in cues else _THREATENS
        return high + (_HIGH_BY_TONE.get(facts.tone, 0) if facts.tone else 0)
    if cues >= {"dissatisfied", "comparing"}:
        return _BOTH
    if cues & {"dissatisfied", "comparing"}:
        return _DISSATISFIED if "dissatisfied" in cues else _COMPARING
    low = _LOYAL if "loyal" in cues else _NOTHING_SAID
    return low + (_LOW_BY_TONE.get(facts.tone, 0) if facts.tone else 0)


def analysis_of(facts: Facts, marks: Sequence[frozenset[str]], guide: AnalysisGuide) -> Analysis:
    """Return the answer that follows from planted facts.

    Args:
        facts: Of the call.
        marks: Of each turn: which facts it shows.
        guide: What is asked.
    """

    def turns(mark: str) -> tuple[int, ...]:
        return tuple(index for index, each in enumerate(marks) if mark in each)

    faults = [each.name for each in guide.faults if each.name in facts.faults]
    csat = csat_of(facts, guide)
    at_fault = sorted({turn for name in faults for turn in turns(fault_mark(name))})
    said = sorted({turn for cue in facts.cues for turn in turns(cue_mark(cue))})
    return Analysis(
        category=Choice(name=facts.category, turns=turns(CATEGORY)),
        journey=Choice(name=facts.journey, turns=turns(JOURNEY)),
        action=Choice(name=facts.action, turns=turns(ACTION)) if facts.action else None,
        outcome=Choice(name=facts.outcome, turns=turns(OUTCOME)),
        faults=tuple(Choice(name=name, turns=turns(fault_mark(name))) for name in faults),
        scorecard=tuple(
            Judgement(answer=facts.answers[each.name], turns=turns(question_mark(each.name)))
            for each in guide.scorecard
        ),
        csat=None if csat is None else Rating(score=csat, turns=turns(TONE)),
        churn=Rating(score=churn_of(facts), turns=tuple(said)),
        quality=Rating(score=quality_of(facts, guide), turns=tuple(at_fault)),
    )
