"""Whatever is drawn, an analysis is one that the guide allows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.analytics.analysis import MAX_FAULTS, STEP
from training.analytics.composed.generator import TASKS, generate, the_guide
from training.core.splits import SPLITS, Split

GUIDE = the_guide()
NAMES = {
    "category": GUIDE.categories,
    "journey": tuple(each.name for each in GUIDE.journeys),
    "action": tuple(each.name for each in GUIDE.actions),
    "outcome": tuple(each.name for each in GUIDE.outcomes),
}


@settings(deadline=None, max_examples=40)
@given(split=st.sampled_from(SPLITS), seed=st.integers(0, 2**40), noise=st.sampled_from([0.0, 1.0]))
def test_an_analysis_holds_to_the_guide(split: Split, seed: int, noise: float) -> None:
    for example in generate(split, 7, seed, noise):
        analysis = example.analysis
        assert example.guide == GUIDE.versioned_name
        assert set(example.tasks) == set(TASKS) == set(analysis.__struct_fields__)
        for task, names in NAMES.items():
            choice = getattr(analysis, task)
            assert choice is None or choice.name in names
        faults = [each.name for each in analysis.faults]
        assert faults == [each.name for each in GUIDE.faults if each.name in faults]
        assert len(faults) <= MAX_FAULTS
        assert len(analysis.scorecard) == len(GUIDE.scorecard)
        for rating in (analysis.csat, analysis.churn, analysis.quality):
            assert rating is None or (0 <= rating.score <= 100 and rating.score % STEP == 0)
        found = [analysis.category, analysis.journey, analysis.action, analysis.outcome]
        found += [*analysis.faults]
        turns = [turn for each in found if each for turn in each.turns]
        turns += [turn for each in analysis.scorecard for turn in each.turns]
        assert all(0 <= turn < len(example.turns) for turn in turns)
        assert len(example.turns) >= GUIDE.min_turns
