"""The agent `analyze_live`: turns of a call in progress in, its summary so far out."""

from collections.abc import Sequence
from functools import partial

import structlog

from models.analytics.temporal import CallCalendar
from schemas.insights import CallInsights
from schemas.turns import TurnEnded
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition, ModelWatch
from stream_app.agents.limits import Limits
from stream_app.agents.missing_models import MissingModels
from stream_app.agents.model_look import ModelLook
from stream_app.analytics import AnalyticsSource, ask_champions, calendar_of, load_models
from stream_app.calls.analyze.provisional import (
    AGENT,
    ProvisionalAnswer,
    ProvisionalRequest,
    message_of,
    request_of,
)
from stream_app.calls.answering import Answering
from stream_app.calls.inference import Failed
from stream_app.calls.live_turns import is_due
from stream_app.settings import Settings

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the models that there are."""
    return definition_of(settings, load_models(settings.analytics))


def definition_of(settings: Settings, models: AnalyticsSource) -> AgentDefinition:
    """Return the definition of the agent with these models."""
    part = settings.analytics
    MissingModels(models.missing, log, "analytics_model.missing", "guide")
    answering = Answering(
        agent=AGENT,
        subject=TurnEnded,
        request=partial(_request, models, calendar_of(part)),
        messages=_messages,
        has_history=True,
        is_due=partial(is_due, every=part.live_every),
    )
    options = AnsweringOptions(
        max_batch=part.max_batch,
        limits=Limits(max_run_s=part.max_run_s),
        watch=ModelWatch(part.refresh_s, ModelLook(models.refresh, log, "analytics_model")),
    )
    return answering_agent(answering, partial(_ask, models), options)


def _request(
    models: AnalyticsSource, calendar: CallCalendar, turn: TurnEnded, earlier: Sequence[TurnEnded]
) -> ProvisionalRequest | None:
    guide = models.guide_for(turn.context)
    return request_of(turn, earlier, guide=guide, calendar=calendar)


def _messages(turn: TurnEnded, answer: ProvisionalAnswer) -> list[CallInsights]:
    return [message_of(turn, answer)]


def _ask(
    models: AnalyticsSource, requests: Sequence[ProvisionalRequest]
) -> list[ProvisionalAnswer | Failed]:
    found = ask_champions(models, [request.call for request in requests])
    return [
        each if isinstance(each, Failed) else ProvisionalAnswer(request, each)
        for request, each in zip(requests, found, strict=True)
    ]
