"""Whole calls that were written by hand, with their analyses: only ever tested on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from models.analytics.analysis import MAX_FAULTS, STEP, Analysis, Choice, Judgement, Rating
from models.analytics.guide import load_guide
from models.analytics.turns import SpokenTurn, TemporalContext
from schemas.base import Party
from training.analytics.corpus.examples import Example
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide, Entry

PATH = Path(__file__).parent / "calls.toml"
GUIDE = "contact-centre"
SOURCE = "held_out"
_PARTIES: dict[str, Party] = {"A": "agent", "C": "customer"}
_MARKS = " ## "  # between what is said and what the turn shows
_FACTS = ("issue", "journey", "action", "outcome")
_CSAT, _CHURN = "csat", "churn"
_BEST = 100


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call as the file has it.

    Attributes:
        id: Unique in the file.
        text: Lines ``A: ..`` or ``C: ..``, each with ``## marks`` of what it shows.
        answer: Category, journey, action (empty where there is none) and outcome.
        not_asked: Questions of the scorecard that do not apply.
        churn: The risk.
        csat: Left out where the call does not show it.
    """

    id: str
    text: str
    answer: tuple[str, str, str, str]
    not_asked: tuple[str, ...]
    churn: int
    csat: int | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    calls: tuple[_Written, ...]


class _Turn(msgspec.Struct, frozen=True):
    """A line of a call."""

    party: Party
    text: str
    marks: frozenset[str]


def read_held_out(path: Path = PATH) -> tuple[Example, ...]:
    """Return the calls, in the order of the file.

    Args:
        path: Of the file; the one beside this module unless given.

    Raises:
        MissingDataError: It is not there, of another form, or contradicts the guide.
    """
    guide = load_guide(GUIDE)
    try:
        written = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).calls
        return tuple(_example(each, guide) for each in written)
    except OSError as error:
        raise MissingDataError(f"no held-out calls {path}: they are in the repository") from error
    except ValueError as error:
        raise MissingDataError(f"the held-out calls {path} cannot be read: {error}") from error


def _example(written: _Written, guide: AnalysisGuide) -> Example:
    try:
        turns = [_turn(line, guide) for line in written.text.strip().splitlines()]
        analysis = _analysis(written, turns, guide)
    except ValueError as error:
        raise ValueError(f"{written.id}: {error}") from error
    return Example(
        id=f"{SOURCE}/{written.id}",
        source=SOURCE,
        group=f"{SOURCE}/{written.id}",
        guide=guide.versioned_name,
        turns=tuple(SpokenTurn(turn.party, turn.text) for turn in turns),
        context=TemporalContext(),
        analysis=analysis,
        tasks=analysis.__struct_fields__,
        is_synthetic=True,
        provenance={"set": "written by hand", "id": written.id},
    )


def _turn(line: str, guide: AnalysisGuide) -> _Turn:
    said, _, marked = line.partition(_MARKS)
    mark, separator, text = said.partition(": ")
    if mark not in _PARTIES or not separator or not text.strip():
        raise ValueError(f"{line!r} is not 'A: ..' or 'C: ..'")
    marks = frozenset(each.strip() for each in marked.split(",")) - {""}
    known = {*_FACTS, _CSAT, _CHURN}
    known |= {fault.name for fault in guide.faults}
    known |= {question.name for question in guide.scorecard}
    if not marks <= known:
        raise ValueError(f"{line!r} has the unknown marks {sorted(marks - known)}")
    return _Turn(_PARTIES[mark], text.strip(), marks)


def _analysis(written: _Written, turns: Sequence[_Turn], guide: AnalysisGuide) -> Analysis:
    shown = {
        name: tuple(index for index, turn in enumerate(turns) if name in turn.marks)
        for name in {mark for turn in turns for mark in turn.marks}
    }
    category, journey, action, outcome = _facts(written, shown, guide)
    if category is None or journey is None or outcome is None:
        raise ValueError("category, journey and outcome are wanted")
    faults = [each for each in guide.faults if each.name in shown]
    noes = [
        each
        for each in guide.scorecard
        if each.name not in shown and each.name not in written.not_asked
    ]
    if len(faults) > MAX_FAULTS:
        raise ValueError(f"has {len(faults)} faults; {MAX_FAULTS} are possible")
    quality = _BEST - sum(each.points for each in faults) - sum(each.points for each in noes)
    return Analysis(
        category=category,
        journey=journey,
        action=action,
        outcome=outcome,
        faults=tuple(Choice(name=each.name, turns=shown[each.name]) for each in faults),
        scorecard=_scorecard(written, shown, guide),
        csat=_rating(written.csat, shown.get(_CSAT, ())) if written.csat is not None else None,
        churn=_rating(written.churn, shown.get(_CHURN, ())),
        quality=_rating(
            max(0, quality), sorted({turn for each in faults for turn in shown[each.name]})
        ),
    )


def _facts(
    written: _Written, shown: dict[str, tuple[int, ...]], guide: AnalysisGuide
) -> list[Choice | None]:
    """Return category, journey, action and outcome."""
    entries: tuple[tuple[Entry, ...], ...] = (guide.journeys, guide.actions, guide.outcomes)
    lists = (guide.categories, *([entry.name for entry in each] for each in entries))
    found: list[Choice | None] = []
    for fact, name, names in zip(_FACTS, written.answer, lists, strict=True):
        if name and (name not in names or fact not in shown):
            raise ValueError(f"{fact}: {name!r} is not in the guide, or no turn shows it")
        found.append(Choice(name=name, turns=shown[fact]) if name else None)
    return found


def _scorecard(
    written: _Written, shown: dict[str, tuple[int, ...]], guide: AnalysisGuide
) -> tuple[Judgement, ...]:
    found = []
    for question in guide.scorecard:
        if question.name in written.not_asked:
            if question.name in shown:
                raise ValueError(f"{question.name} does not apply, and a turn answers it")
            found.append(Judgement(answer=None))
        else:
            turns = shown.get(question.name, ())
            found.append(Judgement(answer="yes" if turns else "no", turns=turns))
    return tuple(found)


def _rating(score: int, turns: Sequence[int]) -> Rating:
    if not 0 <= score <= _BEST or score % STEP:
        raise ValueError(f"the score {score} is not one of 0, {STEP} .. {_BEST}")
    return Rating(score=score, turns=tuple(turns))
