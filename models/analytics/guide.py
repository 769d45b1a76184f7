"""Analysis guides: what calls of one kind of service are asked, as data.

A guide is one TOML file: journey types, actions and outcomes of the summary, faults with their
recommendations, the questions of the scorecard. Its categories are the main categories of a label
set. Those that ship lie in ``models/analytics/guides``; others are given by their path.
"""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from models.classification.label_set import load_label_set
from schemas.base import Name
from schemas.errors import ConfigurationError
from schemas.insights import MAX_TEXT, ChurnBand, Effectiveness

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent / "guides"
CATEGORY_TASK = "main_category"
CHURN_BANDS: tuple[tuple[ChurnBand, int], ...] = (("high", 70), ("medium", 40), ("low", 0))
# Three sentences make a summary
Sentence = Annotated[str, Meta(max_length=MAX_TEXT // 4)]
CODES = ascii_lowercase  # the first entry of a list is a


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of a closed list.

    Attributes:
        name: As answers give it.
        definition: When it holds, for people and for models that read it.
        text: As a sentence of the summary; the definition where there is none.
    """

    name: Name
    definition: Sentence
    text: Sentence = ""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent may do wrong.

    Attributes:
        name: As answers give it.
        definition: When it holds.
        recommendation: What the agent is advised.
        points: That it costs the quality score.
    """

    name: Name
    definition: Sentence
    recommendation: Sentence
    points: int


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the scorecard.

    Attributes:
        name: As answers give it.
        text: The question.
        applies: When it is asked at all; empty where always.
        points: That a "no" costs the quality score.
    """

    name: Name
    text: Sentence
    applies: Sentence = ""
    points: int = 0


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rating of effectiveness and the least score that it takes."""

    name: Effectiveness
    least: int


class AnalysisGuide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What calls of one kind of service are asked.

    Attributes:
        name: Of the guide.
        version: Grows with every change of a list.
        title: For people.
        label_set: Name or path of the label set whose main categories are the issues.
        languages: That it is for.
        issue_text: Sentence of the summary, with ``{category}`` for the category.
        min_turns: Calls with fewer turns have no insights.
        journeys: Journey types.
        actions: What an agent does, of the summary.
        outcomes: How a call ends, of the summary.
        faults: Of the agent.
        scorecard: Its questions.
        bands: Of effectiveness, the highest first.
    """

    name: str
    version: int
    title: str
    label_set: str
    languages: tuple[str, ...]
    issue_text: Sentence
    min_turns: int
    journeys: tuple[Entry, ...]
    actions: tuple[Entry, ...]
    outcomes: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    scorecard: tuple[Question, ...]
    bands: tuple[Band, ...]

    @property
    def versioned_name(self) -> str:
        """Name and version, as messages name it."""
        return f"{self.name}-{self.version}"

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The main categories of the label set, in its order."""
        return load_label_set(self.label_set).task(CATEGORY_TASK).names

    def effectiveness(self, score: int) -> Effectiveness:
        """Return the rating of a quality score."""
        return next(band.name for band in self.bands if score >= band.least)


def churn_band(score: int) -> ChurnBand:
    """Return the band of a churn risk, 0 to 100."""
    return next(name for name, least in CHURN_BANDS if score >= least)


def guide_file(source: str | Path) -> Path:
    """Return where a guide lies: one that ships, by its name, or a path."""
    shipped = FOLDER / f"{source}.toml"
    return shipped if shipped.is_file() else Path(source)


def load_guide(source: str | Path) -> AnalysisGuide:
    """Return a guide.

    Args:
        source: The name of one that ships, or a path.

    Raises:
        ConfigurationError: There is none, or it contradicts itself.
    """
    path = guide_file(source)
    try:
        guide = msgspec.convert(tomllib.loads(path.read_text("utf-8")), AnalysisGuide)
        _check(guide)
    except OSError as error:
        shipped = ", ".join(sorted(each.stem for each in FOLDER.glob("*.toml")))
        msg = f"analysis guide: {source} is no file, and none of those that ship ({shipped})"
        raise ConfigurationError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        msg = f"analysis guide {path}: {error}"
        raise ConfigurationError(msg) from error
    return guide


def _check(guide: AnalysisGuide) -> None:
    """Raise `msgspec.ValidationError` where the guide contradicts itself."""
    lists: dict[str, Sequence[str]] = {
        "categories": guide.categories,
        "journeys": [each.name for each in guide.journeys],
        "actions": [each.name for each in guide.actions],
        "outcomes": [each.name for each in guide.outcomes],
        "faults": [each.name for each in guide.faults],
        "scorecard": [each.name for each in guide.scorecard],
    }
    for name, values in lists.items():
        if not 1 <= len(values) <= len(CODES):
            msg = f"{name}: {len(values)} entries; 1 to {len(CODES)} are possible"
            raise msgspec.ValidationError(msg)
        if len(set(values)) < len(values):
            msg = f"{name}: a name stands twice"
            raise msgspec.ValidationError(msg)
    if "{category}" not in guide.issue_text:
        msg = "issue_text: {category} stands nowhere in it"
        raise msgspec.ValidationError(msg)
    least = [band.least for band in guide.bands]
    if not least or least != sorted(set(least), reverse=True) or least[-1] != 0:
        msg = "bands: the highest comes first, and the last begins at 0"
        raise msgspec.ValidationError(msg)
