"""The agent `classify`: finalized calls in, what they are about out."""

from collections.abc import Sequence
from functools import partial

import structlog

from models.classification.store import ClassificationModels
from schemas.base import Message
from schemas.turns import FinalizedCall
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition, ModelChange, ModelWatch
from stream_app.agents.missing_models import MissingModels
from stream_app.agents.model_look import ModelLook
from stream_app.calls.answering import Answering
from stream_app.calls.classify.classified import (
    AGENT,
    Classified,
    ClassifyRequest,
    count_agreement,
    messages_of,
    no_weights,
    request_of,
)
from stream_app.classification import ask_models, load_models
from stream_app.settings import Settings

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the models that there are."""
    part = settings.classification
    models = load_models(part)
    agent = _Classify(models)
    answering = Answering(
        agent=AGENT,
        subject=FinalizedCall,
        request=agent.request,
        messages=agent.messages,
        count=count_agreement,
    )
    options = AnsweringOptions(
        max_batch=part.max_batch, watch=ModelWatch(part.refresh_s, agent.look)
    )
    return answering_agent(answering, partial(ask_models, models), options)


class _Classify:
    """The questions and answers of the agent.

    Args:
        models: By label set.
    """

    def __init__(self, models: ClassificationModels) -> None:
        self._models = models
        self._look = ModelLook(models.refresh, log, "classification_model")
        self._missing = MissingModels(
            models.missing, log, "classification_model.missing", "label_set"
        )

    def request(self, call: FinalizedCall, _: Sequence[FinalizedCall]) -> ClassifyRequest | None:
        """Return what the model gets for a call."""
        return request_of(call, self._models.label_set_for(call.context))

    def messages(self, call: FinalizedCall, answers: tuple[Classified, ...]) -> list[Message]:
        """Return the messages of the answer to a call."""
        messages = list(messages_of(call, answers))
        name = answers[0].label_set.name
        if not answers[0].model and (reason := self._missing.news(name)):
            messages.append(no_weights(call, name, reason))
        return messages

    def look(self) -> list[ModelChange]:
        """Take up changed files of the models, and weights that were missing."""
        changes = self._look()
        self._missing.forget_found()
        return changes
