"""Analyses and calls that property tests draw."""

from hypothesis import strategies as st

from models.analytics.analysis import (
    MAX_FAULTS,
    MAX_SCORE,
    STEP,
    Analysis,
    Choice,
    Judgement,
    Rating,
)
from models.analytics.guide import AnalysisGuide
from models.analytics.turns import SpokenTurn, TemporalContext

PARTIES = st.sampled_from(["agent", "customer", "unknown"])
CONTEXTS = st.builds(
    TemporalContext,
    timestamp=st.sampled_from([None, "2026-01-15T14:30:00"]),
    time_of_day=st.sampled_from([None, "afternoon"]),
    day_of_week=st.sampled_from([None, "Thursday"]),
    business_hours=st.none() | st.booleans(),
    queue_wait_time_seconds=st.none() | st.integers(0, 10_000),
    peak_season=st.none() | st.booleans(),
)


def calls(text: st.SearchStrategy[str], most: int = 40) -> st.SearchStrategy[list[SpokenTurn]]:
    """Return calls of at most so many turns."""
    return st.lists(st.builds(SpokenTurn, PARTIES, text), max_size=most)


def analyses(guide: AnalysisGuide, turns: int) -> st.SearchStrategy[Analysis]:
    """Return analyses of a call with so many turns."""
    evidence = st.sets(st.integers(0, turns - 1), max_size=3).map(sorted).map(tuple)

    def choices(names: list[str]) -> st.SearchStrategy[Choice]:
        return st.builds(Choice, name=st.sampled_from(names), turns=evidence)

    ratings = st.none() | st.builds(
        Rating, score=st.integers(0, MAX_SCORE // STEP).map(STEP.__mul__), turns=evidence
    )
    judged = st.builds(Judgement, answer=st.sampled_from(["yes", "no", None]), turns=evidence)
    faults = st.lists(
        choices([each.name for each in guide.faults]),
        max_size=MAX_FAULTS,
        unique_by=lambda each: each.name,
    )
    return st.builds(
        Analysis,
        category=st.none() | choices(list(guide.categories)),
        journey=st.none() | choices([each.name for each in guide.journeys]),
        action=st.none() | choices([each.name for each in guide.actions]),
        outcome=st.none() | choices([each.name for each in guide.outcomes]),
        faults=faults.map(lambda found: _ordered(found, guide)),
        scorecard=st.tuples(*[judged] * len(guide.scorecard)),
        csat=ratings,
        churn=ratings,
        quality=ratings,
    )


def _ordered(faults: list[Choice], guide: AnalysisGuide) -> tuple[Choice, ...]:
    names = [each.name for each in guide.faults]
    return tuple(sorted(faults, key=lambda each: names.index(each.name)))
