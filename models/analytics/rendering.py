"""From an analysis to the message: ids of turns, ratings, bands, and the guide's phrases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from models.analytics.guide import churn_band
from schemas.insights import (
    MAX_EVIDENCE,
    CallInsights,
    CallOutline,
    ChurnRisk,
    Finding,
    QualityScore,
    Recommendation,
    Satisfaction,
    ScorecardAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.analysis import Analysis, Choice
    from models.analytics.guide import AnalysisGuide, Entry


def fill_insights(
    message: CallInsights, analysis: Analysis, guide: AnalysisGuide, turn_ids: Sequence[str]
) -> CallInsights:
    """Return a message with what an analysis says.

    Args:
        message: With its header, guide and model.
        analysis: By a model, or planted.
        guide: That its names are of.
        turn_ids: Of all turns of the call.
    """
    return _Renderer(analysis, guide, turn_ids).fill(message)


class _Renderer:
    """Makes the parts of one message."""

    def __init__(self, analysis: Analysis, guide: AnalysisGuide, turn_ids: Sequence[str]) -> None:
        self._analysis = analysis
        self._guide = guide
        self._turn_ids = turn_ids

    def fill(self, message: CallInsights) -> CallInsights:
        """Return the message with all parts."""
        return replace(
            message,
            quality=self._quality(),
            csat=self._csat(),
            primary_category=self._finding(self._analysis.category),
            churn_risk=self._churn(),
            journey_type=self._finding(self._analysis.journey),
            coaching=tuple(self._recommendation(each) for each in self._analysis.faults),
            summary=self._summary(),
            scorecard=self._scorecard(),
        )

    def _evidence(self, turns: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._turn_ids[turn] for turn in turns[:MAX_EVIDENCE])

    def _finding(self, choice: Choice | None) -> Finding | None:
        if choice is None:
            return None
        evidence = self._evidence(choice.turns)
        return Finding(value=choice.name, evidence=evidence, confidence=choice.confidence)

    def _quality(self) -> QualityScore | None:
        rating = self._analysis.quality
        if rating is None:
            return None
        return QualityScore(
            score=rating.score,
            effectiveness=self._guide.effectiveness(rating.score),
            evidence=self._evidence(rating.turns),
            confidence=rating.confidence,
        )

    def _csat(self) -> Satisfaction | None:
        rating = self._analysis.csat
        if rating is None:
            return None
        evidence = self._evidence(rating.turns)
        return Satisfaction(score=rating.score, evidence=evidence, confidence=rating.confidence)

    def _churn(self) -> ChurnRisk | None:
        rating = self._analysis.churn
        if rating is None:
            return None
        return ChurnRisk(
            score=rating.score,
            band=churn_band(rating.score),
            evidence=self._evidence(rating.turns),
            confidence=rating.confidence,
        )

    def _recommendation(self, choice: Choice) -> Recommendation:
        fault = next(each for each in self._guide.faults if each.name == choice.name)
        return Recommendation(
            fault=fault.name,
            text=fault.recommendation,
            evidence=self._evidence(choice.turns),
            confidence=choice.confidence,
        )

    def _summary(self) -> CallOutline | None:
        """Return the summary; None where the call shows nothing of it."""
        issue, action, outcome = (
            self._analysis.category,
            self._analysis.action,
            self._analysis.outcome,
        )
        sentences = (
            "" if issue is None else self._guide.issue_text.replace("{category}", issue.name),
            _sentence(action, self._guide.actions),
            _sentence(outcome, self._guide.outcomes),
        )
        if not any(sentences):
            return None
        return CallOutline(
            issue=self._finding(issue),
            action=self._finding(action),
            outcome=self._finding(outcome),
            text=" ".join(each for each in sentences if each),
        )

    def _scorecard(self) -> tuple[ScorecardAnswer, ...]:
        return tuple(
            ScorecardAnswer(
                question=question.name,
                answer=each.answer,
                evidence=self._evidence(each.turns),
                confidence=each.confidence,
            )
            for question, each in zip(self._guide.scorecard, self._analysis.scorecard, strict=True)
        )


def _sentence(choice: Choice | None, entries: Sequence[Entry]) -> str:
    if choice is None:
        return ""
    entry = next(each for each in entries if each.name == choice.name)
    return entry.text or entry.definition
