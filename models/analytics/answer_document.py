"""The answer with names and keys in full, as large models write it and people read it.

The issue of the summary repeats the category, and the rating of effectiveness follows from the
score: both are written for the reader, and neither is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from models.analytics.analysis import MAX_FAULTS, Analysis, Answer, Choice, Judgement, Rating
from models.analytics.answer_parts import (
    AnswerError,
    TokenConfidences,
    check_score,
    names_of,
    number_of,
    turn_of,
    turns_of,
)
from schemas.insights import Effectiveness, Percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide

_SCALAR = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,}\]\s]+)')


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of the answer."""


class Summary(Part, frozen=True, kw_only=True):
    """What was wanted, what was done, how it ended."""

    issue: str | None
    action: str | None
    outcome: str | None


class Coaching(Part, frozen=True, kw_only=True):
    """A fault of the agent, and the turn with it."""

    fault: str
    turn: int | None


class Judged(Part, frozen=True, kw_only=True):
    """A question of the scorecard, and the turn that shows a "yes"."""

    answer: Answer
    turn: int | None


class Evidence(Part, frozen=True, kw_only=True):
    """The turn that shows each finding."""

    primary_category: int | None
    journey_type: int | None
    action: int | None
    outcome: int | None
    csat: int | None
    churn_risk: int | None


class Document(Part, frozen=True, kw_only=True):
    """An answer; null what the call does not show."""

    primary_category: str | None
    summary: Summary
    journey_type: str | None
    coaching_recommendations: Annotated[tuple[Coaching, ...], Meta(max_length=MAX_FAULTS)]
    scorecard: dict[str, Judged | None]
    csat: Percent | None
    churn_risk: Percent | None
    quality_score: Percent | None
    effectiveness_rating: Effectiveness | None
    evidence: Evidence


def encode_document(analysis: Analysis, guide: AnalysisGuide, shown: Sequence[int]) -> str:
    """Return an analysis that `as_shown` has made, with names and keys in full."""

    def name(choice: Choice | None) -> str | None:
        return None if choice is None else choice.name

    def score(rating: Rating | None) -> int | None:
        return None if rating is None else rating.score

    def turn(each: Choice | Rating | Judgement | None) -> int | None:
        return None if each is None else number_of(each.turns, shown)

    faults = names_of(guide.faults)
    ordered = sorted(analysis.faults, key=lambda each: faults.index(each.name))
    quality = score(analysis.quality)
    document = Document(
        primary_category=name(analysis.category),
        summary=Summary(
            issue=name(analysis.category),
            action=name(analysis.action),
            outcome=name(analysis.outcome),
        ),
        journey_type=name(analysis.journey),
        coaching_recommendations=tuple(
            Coaching(fault=each.name, turn=turn(each)) for each in ordered
        ),
        scorecard={
            question.name: each.answer and Judged(answer=each.answer, turn=turn(each))
            for question, each in zip(guide.scorecard, analysis.scorecard, strict=True)
        },
        csat=score(analysis.csat),
        churn_risk=score(analysis.churn),
        quality_score=quality,
        effectiveness_rating=None if quality is None else guide.effectiveness(quality),
        evidence=Evidence(
            primary_category=turn(analysis.category),
            journey_type=turn(analysis.journey),
            action=turn(analysis.action),
            outcome=turn(analysis.outcome),
            csat=turn(analysis.csat),
            churn_risk=turn(analysis.churn),
        ),
    )
    return msgspec.json.encode(document).decode()


def decode_document(
    text: str, guide: AnalysisGuide, shown: Sequence[int], confidences: TokenConfidences
) -> Analysis:
    """Return the analysis of an answer with names and keys in full.

    Raises:
        AnswerError: The text is not of this form, or names what the guide or the prompt lacks.
    """
    try:
        answer = msgspec.json.decode(text, type=Document)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        msg = f"the answer is not of the document's form: {error}"
        raise AnswerError(msg) from error
    reader = _Reader(text, shown, confidences)
    faults = reader.faults(answer.coaching_recommendations, names_of(guide.faults))
    evidence, summary = answer.evidence, answer.summary
    journeys, actions, outcomes = map(names_of, (guide.journeys, guide.actions, guide.outcomes))
    return Analysis(
        category=reader.choice(
            "primary_category", answer.primary_category, guide.categories, evidence
        ),
        journey=reader.choice("journey_type", answer.journey_type, journeys, evidence),
        action=reader.choice("action", summary.action, actions, evidence),
        outcome=reader.choice("outcome", summary.outcome, outcomes, evidence),
        faults=faults,
        scorecard=reader.scorecard(answer.scorecard, names_of(guide.scorecard)),
        csat=reader.rating("csat", answer.csat, turn_of(evidence.csat, shown)),
        churn=reader.rating("churn_risk", answer.churn_risk, turn_of(evidence.churn_risk, shown)),
        quality=reader.rating("quality_score", answer.quality_score, turns_of(faults)),
    )


class _Reader:
    """Makes the values of one answer, with their confidences."""

    def __init__(self, text: str, shown: Sequence[int], confidences: TokenConfidences) -> None:
        self._text = text
        self._shown = shown
        self._confidences = confidences

    def choice(
        self, key: str, name: str | None, names: Sequence[str], evidence: Evidence
    ) -> Choice | None:
        """Return the entry of a list."""
        if name is None:
            return None
        _check_name(key, name, names)
        turns = turn_of(getattr(evidence, key), self._shown)
        return Choice(name=name, turns=turns, confidence=self._confidence(key))

    def faults(self, coached: Sequence[Coaching], names: Sequence[str]) -> tuple[Choice, ...]:
        """Return the faults in the order of the guide, each once.

        A JSON Schema cannot ask for either.
        """
        start, found = 0, dict[str, Choice]()
        for each in coached:
            _check_name("coaching_recommendations", each.fault, names)
            start = self._text.find('"fault"', start + 1)
            choice = Choice(
                name=each.fault,
                turns=turn_of(each.turn, self._shown),
                confidence=self._confidence("fault", start),
            )
            found.setdefault(each.fault, choice)
        return tuple(found[name] for name in names if name in found)

    def scorecard(
        self, answers: dict[str, Judged | None], questions: Sequence[str]
    ) -> tuple[Judgement, ...]:
        """Return an answer for each question."""
        if set(answers) != set(questions):
            msg = f"scorecard: the questions are {', '.join(questions)}, not {', '.join(answers)}"
            raise AnswerError(msg)
        begin = self._text.find('"scorecard"')
        return tuple(self._judgement(name, answers[name], begin) for name in questions)

    def rating(self, key: str, score: int | None, turns: tuple[int, ...]) -> Rating | None:
        """Return a score."""
        if score is None:
            return None
        return Rating(score=check_score(score), turns=turns, confidence=self._confidence(key))

    def _judgement(self, question: str, judged: Judged | None, begin: int) -> Judgement:
        if judged is None:
            return Judgement(answer=None)
        start = self._text.find(_quoted(question), begin)
        return Judgement(
            answer=judged.answer,
            turns=turn_of(judged.turn, self._shown) if judged.answer == "yes" else (),
            confidence=self._confidence("answer", start),
        )

    def _confidence(self, key: str, start: int = 0) -> float:
        """Return the confidence of the scalar behind the next such key."""
        quoted = f'"{key}"'
        colon = self._text.find(":", self._text.find(quoted, start) + len(quoted))
        found = _SCALAR.match(self._text, colon + 1)
        return -1.0 if found is None else self._confidences.of(*found.span(1))


def _check_name(key: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        msg = f"{key}: {name[:80]!r} is not in the guide"
        raise AnswerError(msg)


def _quoted(value: Any) -> str:
    return msgspec.json.encode(value).decode()
