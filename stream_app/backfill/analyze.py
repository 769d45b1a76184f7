"""Finalized calls, analysed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.catalogue import INSIGHTS
from schemas.errors import ConfigurationError
from stream_app.analytics import ask_champions
from stream_app.backfill.work import PRIVATE, Question
from stream_app.calls.analyze.analyzed import insights_id, insights_of, request_of
from stream_app.calls.inference import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.temporal import CallCalendar
    from schemas.insights import CallInsights
    from schemas.turns import FinalizedCall
    from stream_app.analytics import AnalyticsSource
    from stream_app.calls.analyze.analyzed import AnalyzeRequest

NO_MODEL = "of a guide without a model"


class AnalyzeAgain:
    """Analyses calls by the models that serve their guides.

    Args:
        models: That answer.
        calendar: Of the contact centre.

    Raises:
        ConfigurationError: No guide has a model.
    """

    topic = INSIGHTS
    task = "analysing"

    def __init__(self, models: AnalyticsSource, calendar: CallCalendar) -> None:
        if not any(models.of(name).champion for name in models.names()):
            reasons = "; ".join(models.missing().values())
            raise ConfigurationError(f"there is no model to answer with: {reasons}")
        self._models = models
        self._calendar = calendar

    def question(self, call: FinalizedCall) -> Question:
        """Return what is to be asked of a call."""
        name = self._models.guide_for(call.context)
        request = request_of(call, name, self._calendar)
        analyst = self._models.of(name).champion
        if request is None:
            return Question(passed_over=PRIVATE)
        if analyst is None:
            return Question(passed_over=NO_MODEL)
        guide = analyst.guide.versioned_name
        return Question(request, insights_id(call.call_id, guide, analyst.name))

    def answers(
        self, asked: Sequence[tuple[FinalizedCall, AnalyzeRequest]]
    ) -> list[CallInsights | Failed]:
        """Return the answer to each call."""
        found = ask_champions(self._models, [request for _, request in asked])
        return [
            answer if isinstance(answer, Failed) else insights_of(call, answer)
            for (call, _), answer in zip(asked, found, strict=True)
        ]
