"""The agent `classify_live`: turns of a call in progress in, what it seems to be about out."""

from collections.abc import Sequence
from functools import partial

import structlog

from models.classification.store import ClassificationModels
from schemas.classification import CallClassified
from schemas.turns import TurnEnded
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition, ModelWatch
from stream_app.agents.missing_models import MissingModels
from stream_app.agents.model_look import ModelLook
from stream_app.calls.answering import Answering
from stream_app.calls.classify.provisional import (
    AGENT,
    ProvisionalAnswer,
    ProvisionalRequest,
    message_of,
    request_of,
)
from stream_app.calls.live_turns import is_due
from stream_app.classification import ask_champions, load_models
from stream_app.settings import Settings

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the models that there are."""
    part = settings.classification
    models = load_models(part)
    MissingModels(models.missing, log, "classification_model.missing", "label_set")

    def request(turn: TurnEnded, earlier: Sequence[TurnEnded]) -> ProvisionalRequest | None:
        label_set = models.label_set_for(turn.context)
        return request_of(turn, earlier, label_set=label_set, words=part.live_words)

    answering = Answering(
        agent=AGENT,
        subject=TurnEnded,
        request=request,
        messages=_messages,
        has_history=True,
        is_due=partial(is_due, every=part.live_every),
    )
    look = ModelLook(models.refresh, log, "classification_model")
    options = AnsweringOptions(max_batch=part.max_batch, watch=ModelWatch(part.refresh_s, look))
    return answering_agent(answering, partial(_ask, models), options)


def _messages(turn: TurnEnded, answer: ProvisionalAnswer) -> list[CallClassified]:
    return [message_of(turn, answer)]


def _ask(
    models: ClassificationModels, requests: Sequence[ProvisionalRequest]
) -> list[ProvisionalAnswer]:
    found = ask_champions(models, [request.call for request in requests])
    return [ProvisionalAnswer(*each) for each in zip(requests, found, strict=True)]
