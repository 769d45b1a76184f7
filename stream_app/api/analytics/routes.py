"""The paths below `/analytics`."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body

from models.analytics.serving.conversation import ConversationError, as_text
from models.analytics.temporal import CallCalendar
from schemas.insights import CallInsights
from stream_app.api.analytics.bodies import CONVERSATION, AnalyzeAnswer, AnalyzeRequest
from stream_app.api.analytics.calls import call_of
from stream_app.api.analytics.served import ServedAnalyst
from stream_app.api.classifier.answers import case_id_of
from stream_app.api.http.errors import errors_of, invalid
from stream_app.api.http.json_form import JsonResponse, JsonRoute
from stream_app.api.http.metrics import ApiMetrics
from stream_app.calls.analyze.one_call import insights_of_text

TAG = "analytics"
_FINDINGS = frozenset(CallInsights.__struct_fields__) & frozenset(AnalyzeAnswer.model_fields)
_EXAMPLES: Any = {"conversation": {"value": {"conversation": CONVERSATION}}}


@dataclass(frozen=True, slots=True)
class AnalyticsParts:
    """What the paths work with.

    Attributes:
        analyst: That is asked.
        calendar: Of the contact centre.
        metrics: Counts calls.
    """

    analyst: ServedAnalyst
    calendar: CallCalendar
    metrics: ApiMetrics


class AnalyticsPaths:
    """The paths below `/analytics`.

    Args:
        parts: That they work with.
    """

    def __init__(self, parts: AnalyticsParts) -> None:
        self._parts = parts
        self.router = APIRouter(prefix="/analytics", tags=[TAG], route_class=JsonRoute)
        post = partial(self.router.add_api_route, methods=["POST"])
        errors = errors_of(400, 401, 408, 413, 415, 429, 500, 503)
        responses: dict[int | str, dict[str, Any]] = {200: {"model": AnalyzeAnswer}, **errors}
        summary = "Say what a call says of its service."
        post("/analyze", self.analyze, summary=summary, responses=responses)

    async def analyze(
        self, request: Annotated[AnalyzeRequest, Body(openapi_examples=_EXAMPLES)]
    ) -> JsonResponse:
        """Answer with scores, category, journey, coaching, summary and scorecard, and their turns.

        A call that the model cannot judge is answered with `abstained` and no insights.
        """
        started_s = time.perf_counter()
        try:
            call = call_of(request, self._parts.calendar)
        except ConversationError as error:
            text = str(error)
            raise invalid(f"{text[:1].upper()}{text[1:]}.") from error
        served = self._parts.analyst.served(request.guide)
        found = await self._parts.analyst.ask(replace(call.asked, guide=served.guide))
        self._parts.metrics.count_call(found.guide.name, found.abstained)
        values: dict[str, Any] = _numbered(
            msgspec.to_builtins(insights_of_text(found, call.turn_ids))
        )
        return JsonResponse(
            {
                "case_id": request.case_id or case_id_of(as_text(call.asked.turns)),
                **{name: each for name, each in values.items() if name in _FINDINGS},
                "processing_time": round(time.perf_counter() - started_s, 6),
                "model_info": {
                    "model": found.model,
                    "guide": found.guide.versioned_name,
                    "load_time": served.loaded_at,
                },
                "timestamp": datetime.now(UTC),
            }
        )


def _numbered(value: Any) -> Any:
    """Return values in which evidence is numbers, not ids."""
    if isinstance(value, list | tuple):
        return [_numbered(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: [int(each) for each in part] if name == "evidence" else _numbered(part)
        for name, part in value.items()
    }
