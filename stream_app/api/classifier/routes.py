"""The paths below `/classifier`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

import structlog
from fastapi import APIRouter, Body, Query

from models.classification.classifier import Classification, classify_by_rules
from models.classification.label_set import LabelSet, bundled_label_sets, load_label_set
from models.languages import serves
from schemas.base import CallContext
from schemas.catalogue import FEEDBACK
from schemas.errors import CallstreamError, ConfigurationError
from stream_app.api.classifier.answers import Case, Moment, answer_body, case_of
from stream_app.api.classifier.batching import Batches
from stream_app.api.classifier.bodies import (
    NARRATIVE,
    BatchAnswer,
    BatchRequest,
    CallText,
    ClassifyRequest,
    FeedbackAnswer,
    FeedbackRequest,
    FlatAnswer,
    NestedAnswer,
)
from stream_app.api.classifier.served import Served, ServedModels
from stream_app.api.http.errors import ApiError, errors_of, invalid
from stream_app.api.http.json_form import JsonResponse, JsonRoute
from stream_app.api.http.metrics import ApiMetrics
from stream_app.feedback.correction import Said, correct_label
from stream_app.feedback.topic import FeedbackWriter
from stream_app.settings import ApiSettings

TAG = "classifier"
LONG_CHARACTERS = 10_000
log = structlog.get_logger(__name__)
Flat = Annotated[
    Literal["true", "false"],
    Query(description="true: the labels alone, as the field `flat` of the body asks for."),
]
_TEXT = {"text_transcript": "The transcript of the call goes here. It needs to be a single string."}
_EXAMPLES = {
    "text_transcript": {"value": _TEXT},
    "narrative": {"value": {"narrative": NARRATIVE, "label_set": "helpline", "flat": True}},
}
_REFUSED = (400, 401, 408, 413, 415, 429)


@dataclass(frozen=True, slots=True)
class ClassifierParts:
    """What the paths work with.

    Attributes:
        settings: The limits.
        refresh_s: Time between two looks for new files of the models.
        models: That can be asked.
        batches: Runs them.
        feedback: Writes corrections.
    """

    settings: ApiSettings
    refresh_s: float
    models: ServedModels
    batches: Batches
    feedback: FeedbackWriter
    metrics: ApiMetrics


class ClassifierPaths:
    """The paths below `/classifier`.

    Args:
        parts: That they work with.
    """

    def __init__(self, parts: ClassifierParts) -> None:
        self._parts = parts
        self.router = APIRouter(prefix="/classifier", tags=[TAG], route_class=JsonRoute)
        post = partial(self.router.add_api_route, methods=["POST"])
        post(
            "/classify",
            self.classify,
            summary="Say what a call is about.",
            responses=_responses(NestedAnswer | FlatAnswer, *_REFUSED, 500, 503),
        )
        post(
            "/classify/batch",
            self.classify_batch,
            summary="Say what several calls are about.",
            responses=_responses(BatchAnswer, *_REFUSED, 500, 503),
        )
        post(
            "/feedback",
            self.correct,
            summary="Say what a call is, in place of the model.",
            responses=_responses(FeedbackAnswer, *_REFUSED, 500, 503),
        )

    async def classify(
        self,
        request: Annotated[ClassifyRequest, Body(openapi_examples=_EXAMPLES)],
        flat: Flat = "false",
    ) -> JsonResponse:
        """Answer with the label of each task, how certain it is, and the sentences behind it.

        A call that the model cannot judge is answered with `abstained` and no labels.
        """
        started_s = time.perf_counter()
        (answer,) = await self._answers([request], started_s, is_flat=request.flat or _is(flat))
        return JsonResponse(answer)

    async def classify_batch(self, request: BatchRequest, flat: Flat = "false") -> JsonResponse:
        """Answer for each call as `/classifier/classify` does, in the order of the request.

        The request is refused as a whole if one of its calls is not valid.
        """
        started_s = time.perf_counter()
        if len(request.calls) > self._parts.settings.max_batch:
            limit = self._parts.settings.max_batch
            raise invalid(f"calls: {len(request.calls)} of them, and at most {limit} may come")
        is_flat = request.flat or _is(flat)
        results = await self._answers(request.calls, started_s, is_flat=is_flat)
        moment = _moment(started_s)
        content = {"results": results, "processing_time": moment.seconds, "timestamp": moment.time}
        return JsonResponse(content)

    async def correct(self, request: FeedbackRequest) -> JsonResponse:
        """Write a correction to the topic of feedback; it is durable once this answers 200.

        The latest correction of a call and task holds, so sending one again does no harm.
        """
        try:
            correction = correct_label(self._label_set(request.label_set), _said(request))
        except ConfigurationError as error:
            raise invalid(_sentence(error)) from error
        try:
            await self._parts.feedback.write(correction)
        except CallstreamError as error:
            log.warning("api.feedback_failed", reason=str(error))
            message = (
                "The correction is not written: the brokers do not take it now. Send it again "
                "later; the log of the server says what is wrong."
            )
            raise ApiError(503, "brokers_unavailable", message) from error
        self._parts.metrics.corrections.inc()
        labels = list(correction.labels)
        return JsonResponse({"event_id": correction.event_id, "topic": FEEDBACK, "labels": labels})

    async def _answers(
        self, calls: Sequence[CallText], started_s: float, *, is_flat: bool
    ) -> list[dict[str, Any]]:
        asked = [(call, self._model_for(call)) for call in calls]
        found = await asyncio.gather(*(self._answer(call, served) for call, served in asked))
        moment = _moment(started_s)
        for (_, served), (_, classification) in zip(asked, found, strict=True):
            self._parts.metrics.count_call(served.model.label_set.name, classification.abstained)
        return [
            answer_body(case, served, classification, is_flat=is_flat, at=moment)
            for (_, served), (case, classification) in zip(asked, found, strict=True)
        ]

    async def _answer(self, call: CallText, served: Served) -> tuple[Case, Classification]:
        label_set = served.model.label_set
        if len(call.text) > LONG_CHARACTERS:  # some 0.1 s: off the event loop
            case = await asyncio.to_thread(case_of, call, label_set)
        else:
            case = case_of(call, label_set)
        if not serves(label_set.languages, call.context.language):
            return case, classify_by_rules(label_set, case.passages, "language")
        return case, await self._parts.batches.classify(served.model, case.passages)

    def _model_for(self, call: CallText) -> Served:
        given = call.context
        context = CallContext(
            queue=given.queue, domain=given.domain, attributes=dict(given.attributes)
        )
        return self._parts.models.choose(call.label_set or "", context)

    def _label_set(self, name: str) -> LabelSet:
        """Return a label set by its name alone: no request may name a file."""
        models = self._parts.models
        found = models.label_set(name)
        if found is not None:
            return found
        for each in bundled_label_sets():
            label_set = load_label_set(each)
            if name in {each, label_set.versioned_name}:
                return label_set
        own = {each for each in models.missing if each}
        names = ", ".join(sorted({*models.served, *own, *bundled_label_sets()}))
        raise ConfigurationError(f"there is no label set {name!r}, but {names}")


def _responses(answer: Any, *errors: int) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": answer}, **errors_of(*errors)}


def _is(flat: str) -> bool:
    return flat == "true"


def _moment(started_s: float) -> Moment:
    return Moment(datetime.now(UTC), round(time.perf_counter() - started_s, 6))


def _said(request: FeedbackRequest) -> Said:
    return Said(
        call_id=request.call_id,
        task=request.task,
        labels=tuple(request.labels),
        by=request.by,
        corrected=tuple(request.corrected),
        model=request.model,
        evidence=tuple(request.evidence),
        note=request.note,
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
