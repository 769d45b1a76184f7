"""The agent `analyze`: finalized calls in, what they say of their service out."""

from collections.abc import Sequence
from functools import partial

import structlog

from schemas.base import Message
from schemas.turns import FinalizedCall
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition, ModelChange, ModelWatch
from stream_app.agents.limits import Limits
from stream_app.agents.missing_models import MissingModels
from stream_app.agents.model_look import ModelLook
from stream_app.analytics import (
    AnalyticsSource,
    ask_models,
    calendar_of,
    categories_of,
    load_models,
)
from stream_app.calls.analyze.analyzed import (
    AGENT,
    AlertBounds,
    Analyzed,
    AnalyzeRequest,
    count_agreement,
    messages_of,
    no_model,
    request_of,
)
from stream_app.calls.answering import Answering
from stream_app.settings import AnalyticsSettings, Settings

MAX_INPUTS = 64  # calls that wait: each takes seconds
log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the models that there are."""
    return definition_of(settings, load_models(settings.analytics))


def definition_of(settings: Settings, models: AnalyticsSource) -> AgentDefinition:
    """Return the definition of the agent with these models."""
    part = settings.analytics
    agent = _Analyze(models, part)
    answering = Answering(
        agent=AGENT,
        subject=FinalizedCall,
        request=agent.request,
        messages=agent.messages,
        count=count_agreement,
    )
    options = AnsweringOptions(
        max_batch=part.max_batch,
        limits=Limits(max_inputs=MAX_INPUTS, max_run_s=part.max_run_s),
        watch=ModelWatch(part.refresh_s, agent.look),
    )
    categories = categories_of(part, settings.classification)
    return answering_agent(answering, partial(ask_models, models, categories), options)


class _Analyze:
    """The questions and answers of the agent.

    Args:
        models: By guide.
        part: Settings of analytics.
    """

    def __init__(self, models: AnalyticsSource, part: AnalyticsSettings) -> None:
        self._models = models
        self._calendar = calendar_of(part)
        self._bounds = AlertBounds(part.alert_churn, part.alert_quality)
        self._look = ModelLook(models.refresh, log, "analytics_model")
        self._missing = MissingModels(models.missing, log, "analytics_model.missing", "guide")

    def request(self, call: FinalizedCall, _: Sequence[FinalizedCall]) -> AnalyzeRequest | None:
        """Return what the model of its guide gets of a call."""
        return request_of(call, self._models.guide_for(call.context), self._calendar)

    def messages(self, call: FinalizedCall, answers: tuple[Analyzed, ...]) -> list[Message]:
        """Return the messages of the answer to a call."""
        messages = list(messages_of(call, answers, self._bounds))
        guide = answers[0].guide.name
        if answers[0].abstained == "no_model" and (reason := self._missing.news(guide)):
            messages.append(no_model(call, guide, reason))
        return messages

    def look(self) -> list[ModelChange]:
        """Take up changed files of the model, and one that was missing."""
        changes = self._look()
        self._missing.forget_found()
        return changes
