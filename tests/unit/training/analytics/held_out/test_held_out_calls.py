"""The calls written by hand hold to the guide, and stay out of every training."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from models.analytics.guide import churn_band, load_guide
from models.text.spoken_form import spoken_form
from training.analytics.composed.content import all_phrasings
from training.analytics.held_out.calls import PATH, read_held_out
from training.core.errors import MissingDataError
from training.core.splits import SPLITS

GUIDE = load_guide("contact-centre")
NAMES = ("analytics.held_out", "held_out/calls.toml")
_LONG = 6  # words of a phrasing that two authors would not write alike
_CALL = """
[[calls]]
id = "one"
answer = ["Cards", "problem report", "fixed", "resolved"]
csat = 80
churn = 10
not_asked = ["next step"]
text = '''
A: Hello, Castle Bank. ## greeting
C: My card is broken. ## issue, journey
A: Then buy another. No, I have mended it. ## rude, action
C: Good, thanks. ## outcome, csat
'''
"""


def test_the_calls_show_every_category_journey_outcome_and_fault() -> None:
    analyses = [call.analysis for call in read_held_out()]

    assert len(analyses) == 40
    assert {a.category.name for a in analyses if a.category} == set(GUIDE.categories)
    assert {a.journey.name for a in analyses if a.journey} == {j.name for j in GUIDE.journeys}
    assert {a.outcome.name for a in analyses if a.outcome} == {o.name for o in GUIDE.outcomes}
    assert {f.name for a in analyses for f in a.faults} == {f.name for f in GUIDE.faults}


def test_no_churn_band_has_more_than_two_fifths() -> None:
    calls = read_held_out()
    bands = Counter(churn_band(call.analysis.churn.score) for call in calls if call.analysis.churn)

    assert max(bands.values()) <= 0.4 * len(calls)


def test_an_answer_is_read_from_the_marks(tmp_path: Path) -> None:
    path = tmp_path / "calls.toml"
    path.write_text(_CALL)

    analysis = read_held_out(path)[0].analysis

    assert analysis.category is not None
    assert (analysis.category.name, analysis.category.turns) == ("Cards", (1,))
    assert [(each.name, each.turns) for each in analysis.faults] == [("rude", (2,))]
    answers = [each.answer for each in analysis.scorecard]
    assert answers == ["yes", "no", "no", None, "no", "no"]
    assert analysis.quality is not None
    assert analysis.quality.score == 100 - 30 - 10 - 5 - 5 - 5


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Cards", "Card", "one: issue: 'Card' is not in the guide"),
        ("## rude", "## rudeness", "unknown marks"),
        ("churn = 10", "churn = 12", "the score 12"),
        ("## issue, ", "## ", "no turn shows it"),
        ('"next step"', '"greeting"', "greeting does not apply"),
        ("A: Hello", "Hello", "is not 'A: ..'"),
    ],
)
def test_a_call_that_contradicts_the_guide_is_refused(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path = tmp_path / "calls.toml"
    path.write_text(_CALL.replace(old, new, 1))

    with pytest.raises(MissingDataError, match=reason):
        read_held_out(path)


def test_no_training_reads_the_calls() -> None:
    """Also not by a path of their own."""
    folder = PATH.parents[1]
    readers = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.parent != PATH.parent and any(name in path.read_text("utf-8") for name in NAMES)
    ]

    assert [path for path in readers if not path.startswith("evaluation/")] == []


def test_the_calls_and_the_generator_share_no_long_phrasing() -> None:
    said = [
        spoken_form(part)
        for split in SPLITS
        for written in all_phrasings(split)
        for part in written.split(" | ")[0].split(" // ")
    ]
    long = {text for text in said if len(text.split()) >= _LONG}
    lines = [spoken_form(turn.text) for call in read_held_out() for turn in call.turns]

    assert [line for line in lines if any(text in line for text in long)] == []


def test_the_calls_are_in_no_installed_package() -> None:
    """Only the evaluation reads them, from the repository."""
    project = tomllib.loads((PATH.parents[3] / "pyproject.toml").read_text("utf-8"))
    excluded = project["tool"]["setuptools"]["exclude-package-data"]

    assert {"analytics/held_out/*.toml", "analytics/held_out/*.md"} <= set(excluded["training"])
    assert set(excluded["training.analytics.held_out"]) == {"*.toml", "*.md"}
