"""The classification models that the settings name, for whichever process asks them."""

from collections.abc import Sequence

import structlog

from models.call_routes import by_name
from models.classification.classifier import (
    Classification,
    Classifier,
    Passage,
    classify_by_rules,
)
from models.classification.store import ClassificationModels, Serving
from models.classification.whole_phrases import whole_call
from models.languages import serves
from models.onnx_session import ONNX_ERRORS
from schemas.classification import Abstention
from schemas.errors import CallstreamError
from stream_app.calls.classify.classified import Classified, ClassifyRequest
from stream_app.calls.inference import OF_VALUES
from stream_app.settings import ClassificationSettings

log = structlog.get_logger(__name__)


def load_models(part: ClassificationSettings) -> ClassificationModels:
    """Return the models that the settings name."""
    return ClassificationModels(
        part.models,
        default=part.label_set,
        routes=[route.as_route() for route in part.routes],
        threads=part.threads,
    )


def ask_models(
    models: ClassificationModels, requests: Sequence[ClassifyRequest]
) -> list[tuple[Classified, ...]]:
    """Return the answer to each call, and that of a challenger behind it.

    Raises:
        InferenceError: A model that serves fails; a challenger costs no call its answer.
    """
    answers = [[answer] for answer in ask_champions(models, requests)]
    for name, own in by_name(each.label_set for each in requests).items():
        challenger = models.challenger(name)
        served = [n for n in own if answers[n][0].model]
        if challenger is None or not served:
            continue
        calls = [requests[n].passages for n in served]
        for n, compared in zip(served, _compared(challenger, calls), strict=False):
            answers[n].append(compared)
    return [tuple(each) for each in answers]


def ask_champions(
    models: ClassificationModels, requests: Sequence[ClassifyRequest]
) -> list[Classified]:
    """Return the answer to each call, of the models that serve.

    Raises:
        InferenceError: One of them fails.
    """
    found: dict[int, Classified] = {}
    for name, own in by_name(each.label_set for each in requests).items():
        answers = _answers(models.of(name), [requests[n] for n in own])
        found.update(zip(own, answers, strict=True))
    return [found[number] for number in range(len(requests))]


def _answers(serving: Serving, requests: Sequence[ClassifyRequest]) -> list[Classified]:
    label_set, classifier = serving.label_set, serving.classifier

    def by_rules(request: ClassifyRequest, reason: Abstention) -> Classified:
        whole = whole_call(label_set, request.passages)
        found = classify_by_rules(label_set, whole.passages, reason)
        return Classified(label_set, "", whole.answered(found))

    is_known = [
        serves(label_set.languages, each.language, heard=each.unserved_language)
        for each in requests
    ]
    asked = [each.passages for each, known in zip(requests, is_known, strict=True) if known]
    found = iter(_classified(classifier, asked) if classifier else ())
    answers = []
    for request, known in zip(requests, is_known, strict=True):
        if not known:
            answers.append(by_rules(request, "language"))
        elif classifier is None:
            answers.append(by_rules(request, "no_model"))
        else:
            answers.append(Classified(label_set, classifier.name, next(found)))
    return answers


def _classified(classifier: Classifier, calls: Sequence[Sequence[Passage]]) -> list[Classification]:
    whole = [whole_call(classifier.label_set, call) for call in calls]
    found = classifier.classify([each.passages for each in whole])
    return [call.answered(one) for call, one in zip(whole, found, strict=True)]


def _compared(challenger: Classifier, calls: Sequence[Sequence[Passage]]) -> list[Classified]:
    """Return the answers of a challenger; none if it fails, which costs no call its answer."""
    try:
        found = _classified(challenger, calls)
    except (CallstreamError, *ONNX_ERRORS, *OF_VALUES) as error:
        log.warning("classification_model.challenger_failed", reason=str(error))
        return []
    return [Classified(challenger.label_set, challenger.name, each, True) for each in found]
