"""The scores follow from what is planted, by written rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from models.analytics.guide import load_guide
from training.analytics.composed.facts import (
    Cue,
    Facts,
    Tone,
    analysis_of,
    churn_of,
    csat_of,
    quality_of,
)

if TYPE_CHECKING:
    from models.analytics.analysis import Answer

GUIDE = load_guide("contact-centre")
GOOD = Facts(
    category="Cards",
    journey="information",
    action="answered",
    outcome="resolved",
    tone="satisfied",
    cues=(),
    faults=(),
    answers={
        "greeting": "yes",
        "identity": None,
        "restates": "yes",
        "next step": None,
        "anything else": "yes",
        "farewell": "yes",
    },
)


def _with(**changed: object) -> Facts:
    return msgspec.structs.replace(GOOD, **changed)


def _answers(**changed: Answer | None) -> dict[str, Answer | None]:
    return GOOD.answers | {name.replace("_", " "): answer for name, answer in changed.items()}


@pytest.mark.parametrize(
    ("facts", "score"),
    [
        (GOOD, 100),
        (_with(faults=("rude",)), 70),
        (_with(faults=("no greeting",), answers=_answers(greeting="no")), 90),
        (_with(answers=_answers(identity="no", farewell="no")), 85),
        (_with(faults=("interrupts", "rude", "empty promise")), 40),
    ],
)
def test_quality_loses_the_points_of_faults_and_of_noes(facts: Facts, score: int) -> None:
    assert quality_of(facts, GUIDE) == score


@pytest.mark.parametrize(
    ("tone", "outcome", "faults", "score"),
    [
        (None, "resolved", (), None),
        ("delighted", "resolved", (), 95),
        ("satisfied", "pending", (), 75),
        ("satisfied", "pending", ("jargon",), 75),  # too small to be noticed
        ("lukewarm", "unresolved", ("rude",), 40),
        ("annoyed", "abandoned", (), 20),
        ("furious", "unresolved", ("rude", "interrupts"), 0),
    ],
)
def test_csat_follows_from_tone_outcome_and_grave_faults(
    tone: Tone | None, outcome: str, faults: tuple[str, ...], score: int | None
) -> None:
    assert csat_of(_with(tone=tone, outcome=outcome, faults=faults), GUIDE) == score


@pytest.mark.parametrize(
    ("cues", "tone", "score"),
    [
        ((), "satisfied", 10),
        ((), None, 10),
        ((), "furious", 30),  # upset, and says nothing of leaving
        (("loyal",), "annoyed", 15),
        (("dissatisfied",), "furious", 50),
        (("comparing",), "satisfied", 55),
        (("dissatisfied", "comparing"), None, 65),
        (("leaves", "stays"), "satisfied", 45),
        (("threatens",), "annoyed", 75),
        (("leaves",), "delighted", 90),
        (("leaves",), "furious", 95),
    ],
)
def test_churn_follows_from_what_is_said_of_staying(
    cues: tuple[Cue, ...], tone: Tone | None, score: int
) -> None:
    assert churn_of(_with(cues=cues, tone=tone)) == score


def test_the_answer_names_the_turns_that_show_each_fact() -> None:
    facts = _with(faults=("rude",), cues=("leaves",), answers=_answers(restates="no"))
    marks = [
        frozenset({"question: greeting"}),
        frozenset({"category", "journey", "churn: leaves"}),
        frozenset({"fault: rude", "action"}),
        frozenset({"outcome", "tone"}),
    ]

    analysis = analysis_of(facts, marks, GUIDE)

    assert analysis.category is not None
    assert analysis.category.turns == (1,)
    assert analysis.churn is not None
    assert analysis.churn.turns == (1,)
    assert [(each.name, each.turns) for each in analysis.faults] == [("rude", (2,))]
    assert analysis.quality is not None
    assert (analysis.quality.score, analysis.quality.turns) == (65, (2,))
    assert analysis.csat is not None
    assert analysis.csat.turns == (3,)
    assert [each.answer for each in analysis.scorecard][:3] == ["yes", None, "no"]
