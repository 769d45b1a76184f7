"""Insights of calls: analyses with the ids of turns and the guide's phrases."""

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.analytics.guide import load_guide
from models.analytics.rendering import fill_insights
from schemas.insights import CallInsights, Finding
from tests.support.analytics.drawn import analyses
from tests.support.examples import examples

GUIDE = load_guide("contact-centre")
TURNS = tuple(f"call:turn:{each}" for each in range(12))
EMPTY = CallInsights(
    event_id="e", call_id="c", captured_at_ns=1, guide=GUIDE.versioned_name, model="m-1"
)
ANALYSIS = Analysis(
    category=Choice(name="Cards", turns=(2,), confidence=0.9),
    journey=Choice(name="cancellation", turns=(2,)),
    action=Choice(name="refused", turns=(7,)),
    outcome=None,
    faults=(Choice(name="rude", turns=(4, 5), confidence=0.8),),
    scorecard=(
        Judgement(answer="yes", turns=(0,)),
        Judgement(answer=None),
        Judgement(answer="no"),
        *[Judgement(answer=None)] * 3,
    ),
    csat=Rating(score=10, turns=(11,)),
    churn=Rating(score=70, turns=(2,)),
    quality=Rating(score=65, turns=(4, 5)),
)


def test_every_part_names_its_turns() -> None:
    insights = fill_insights(EMPTY, ANALYSIS, GUIDE, TURNS)

    assert insights.primary_category == Finding(
        value="Cards", evidence=("call:turn:2",), confidence=0.9
    )
    assert insights.quality is not None
    assert insights.quality.effectiveness == "fair"
    assert insights.quality.evidence == ("call:turn:4", "call:turn:5")
    assert insights.churn_risk is not None
    assert insights.churn_risk.band == "high"
    (advice,) = insights.coaching
    assert (advice.fault, advice.confidence) == ("rude", 0.8)
    assert advice.text == "Stay courteous, and never blame the customer."
    assert [each.answer for each in insights.scorecard] == ["yes", None, "no", None, None, None]
    assert insights.scorecard[0].question == "greeting"
    assert insights.scorecard[0].evidence == ("call:turn:0",)
    assert (insights.guide, insights.call_id) == ("contact-centre-1", "c")


def test_the_summary_leaves_out_what_the_call_does_not_show() -> None:
    summary = fill_insights(EMPTY, ANALYSIS, GUIDE, TURNS).summary

    assert summary is not None
    assert summary.text == "The call was about Cards. The agent refused the request."
    assert summary.outcome is None
    silent = replace(ANALYSIS, category=None, action=None)
    assert fill_insights(EMPTY, silent, GUIDE, TURNS).summary is None


@pytest.mark.parametrize("score", [0, 35, 40, 65, 70, 100])
def test_bands_and_ratings_follow_from_the_scores(score: int) -> None:
    rating = Rating(score=score)

    insights = fill_insights(EMPTY, replace(ANALYSIS, churn=rating, quality=rating), GUIDE, TURNS)

    assert insights.churn_risk is not None
    assert insights.quality is not None
    assert insights.churn_risk.band == ("low" if score < 40 else "medium" if score < 70 else "high")
    assert insights.quality.effectiveness == GUIDE.effectiveness(score)


@examples(60)
@given(analysis=analyses(GUIDE, len(TURNS)))
def test_every_analysis_makes_a_valid_message(analysis: Analysis) -> None:
    insights = fill_insights(EMPTY, analysis, GUIDE, TURNS)

    assert msgspec.json.decode(msgspec.json.encode(insights), type=CallInsights) == insights
    named = {
        turn
        for part in (insights.csat, insights.churn_risk, insights.primary_category)
        if part is not None
        for turn in part.evidence
    }
    assert named <= set(TURNS)
