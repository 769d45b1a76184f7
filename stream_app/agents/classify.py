"""The agent `classify`: finalized calls in, what they are about out."""

from collections.abc import Sequence

import structlog

from models.classification.classifier import Classifier, classify_by_rules
from models.classification.store import ClassificationModels
from models.onnx_session import ONNX_ERRORS
from schemas.base import Message
from schemas.errors import CallstreamError
from schemas.turns import FinalizedCall
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition, ModelChange, ModelWatch
from stream_app.agents.model_look import ModelLook
from stream_app.calls.answering import Answering
from stream_app.calls.classify.classified import (
    AGENT,
    Classified,
    ClassifyRequest,
    is_served,
    messages_of,
    no_weights,
    request_of,
)
from stream_app.classification import load_models
from stream_app.settings import Settings

log = structlog.get_logger(__name__)


def define(settings: Settings) -> AgentDefinition:
    """Return the definition of the agent; loads the models that there are."""
    part = settings.classification
    agent = _Classify(load_models(part))
    answering = Answering(
        agent=AGENT, subject=FinalizedCall, request=agent.request, messages=agent.messages
    )
    options = AnsweringOptions(
        max_batch=part.max_batch, watch=ModelWatch(part.refresh_s, agent.look)
    )
    return answering_agent(answering, agent.answer, options)


class _Classify:
    """The questions and answers of the agent.

    Args:
        models: By label set.
    """

    def __init__(self, models: ClassificationModels) -> None:
        self._models = models
        self._look = ModelLook(models.refresh, log, "classification_model")
        self._told: dict[str, str] = {}  # label sets without weights, and why
        self._tell_missing()

    def request(self, call: FinalizedCall, _: Sequence[FinalizedCall]) -> ClassifyRequest | None:
        """Return what the model gets for a call."""
        return request_of(call, self._models.label_set_for(call.context))

    def answer(self, requests: Sequence[ClassifyRequest]) -> list[tuple[Classified, ...]]:
        """Return the answer to each call, and that of a challenger behind it."""
        found: dict[int, tuple[Classified, ...]] = {}
        for label_set in dict.fromkeys(request.label_set for request in requests):
            own = [n for n, request in enumerate(requests) if request.label_set == label_set]
            answers = self._answers(label_set, [requests[n] for n in own])
            found.update(zip(own, answers, strict=True))
        return [found[number] for number in range(len(requests))]

    def messages(self, call: FinalizedCall, answers: tuple[Classified, ...]) -> list[Message]:
        """Return the messages of the answer to a call."""
        messages = list(messages_of(call, answers))
        name = answers[0].label_set.name
        reason = self._models.missing().get(name, "")
        if not answers[0].model and reason and name not in self._told:
            self._told[name] = reason
            messages.append(no_weights(call, name, reason))
        return messages

    def look(self) -> list[ModelChange]:
        """Take up changed files of the models, and weights that were missing."""
        changes = self._look()
        self._told = {n: why for n, why in self._told.items() if n in self._models.missing()}
        return changes

    def _tell_missing(self) -> None:
        for label_set, reason in self._models.missing().items():
            log.warning("classification_model.missing", label_set=label_set, reason=reason)

    def _answers(
        self, name: str, requests: Sequence[ClassifyRequest]
    ) -> list[tuple[Classified, ...]]:
        serving = self._models.of(name)
        label_set, classifier = serving.label_set, serving.classifier
        served = [n for n, each in enumerate(requests) if is_served(each.language, label_set)]
        answers = [
            [Classified(label_set, "", classify_by_rules(label_set, each.passages, "language"))]
            for each in requests
        ]
        calls = [requests[n].passages for n in served]
        if classifier is None:
            for n in served:
                by_rules = classify_by_rules(label_set, requests[n].passages, "no_model")
                answers[n] = [Classified(label_set, "", by_rules)]
            return [tuple(each) for each in answers]
        for n, found in zip(served, classifier.classify(calls), strict=True):
            answers[n] = [Classified(label_set, classifier.name, found)]
        challenger = self._models.challenger(name)
        if challenger is not None:
            for n, compared in zip(served, _compared(challenger, calls), strict=False):
                answers[n].append(compared)
        return [tuple(each) for each in answers]


def _compared(challenger: Classifier, calls: Sequence[Sequence[object]]) -> list[Classified]:
    """Return the answers of a challenger; none if it fails, which costs no call its answer."""
    try:
        found = challenger.classify(calls)  # type: ignore[arg-type]
    except (CallstreamError, *ONNX_ERRORS) as error:
        log.warning("classification_model.challenger_failed", reason=str(error))
        return []
    return [Classified(challenger.label_set, challenger.name, each, True) for each in found]
