"""Calls whose analysis follows from one word, for tests of what learns or measures."""

from __future__ import annotations

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.analytics.guide import load_guide
from models.analytics.turns import SpokenTurn, TemporalContext
from training.analytics.corpus.examples import Example

GUIDE = load_guide("contact-centre")
ALL_TASKS = (
    "category",
    "journey",
    "action",
    "outcome",
    "faults",
    "scorecard",
    "csat",
    "churn",
    "quality",
)
PLANTED = {"aaa": (0, 20), "zzz": (1, 80)}  # word of the customer: category, churn


def planted_call(number: int, *, turns: int = 4, tasks: tuple[str, ...] = ALL_TASKS) -> Example:
    """Return a call: its category and its churn risk follow from the customer's word.

    Args:
        number: Decides the word and the id.
        turns: Of the call, at least 4.
        tasks: That are known.
    """
    word = list(PLANTED)[number % len(PLANTED)]
    category, churn = PLANTED[word]
    fillers = [
        SpokenTurn("agent" if place % 2 == 0 else "customer", "ok") for place in range(turns - 4)
    ]
    spoken = (
        SpokenTurn("agent", "hello"),
        SpokenTurn("customer", word),
        *fillers,
        SpokenTurn("agent", "done"),
        SpokenTurn("customer", word),
    )
    return Example(
        id=f"call-{number}",
        source="planted",
        group=f"group-{number}",
        guide=GUIDE.versioned_name,
        turns=spoken,
        context=TemporalContext(),
        analysis=Analysis(
            category=Choice(name=GUIDE.categories[category], turns=(1,)),
            journey=None,
            action=None,
            outcome=None,
            faults=(),
            scorecard=(Judgement(answer=None),) * len(GUIDE.scorecard),
            csat=None,
            churn=Rating(score=churn, turns=(1,)),
            quality=Rating(score=90),
        ),
        tasks=tasks,
        is_synthetic=True,
    )
