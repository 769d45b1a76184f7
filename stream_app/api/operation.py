"""The paths for whoever runs the server: health, readiness, metrics."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from stream_app.api.analytics.served import ServedAnalyst
from stream_app.api.classifier.answers import missing_info, model_info
from stream_app.api.classifier.bodies import ModelInfo
from stream_app.api.classifier.served import ServedModels
from stream_app.api.http.errors import errors_of
from stream_app.api.http.json_form import JsonResponse
from stream_app.api.http.metrics import ApiMetrics

TAG = "operation"


class HealthAnswer(BaseModel):
    """The server answers."""

    status: Literal["ok"]


class GuideInfo(BaseModel):
    """The language model of an analysis guide."""

    model: str = Field(description="Name and version; empty where none is loaded.")
    error: str = Field(description="Why none is loaded.")


class ReadyAnswer(BaseModel):
    """Whether calls can be classified."""

    ready: bool
    models: dict[str, ModelInfo] = Field(description="By label set.")
    guides: dict[str, GuideInfo] = Field(
        description="Language models, by analysis guide; none of them is needed to be ready."
    )


class OperationPaths:
    """The paths for whoever runs the server.

    Args:
        models: Whether any is loaded.
        analyst: Likewise.
        metrics: Of the server.
    """

    def __init__(self, models: ServedModels, analyst: ServedAnalyst, metrics: ApiMetrics) -> None:
        self._models = models
        self._analyst = analyst
        self._metrics = metrics
        self.router = APIRouter(tags=[TAG])
        get = self.router.add_api_route
        get("/health", self.health, responses={200: {"model": HealthAnswer}})
        ready: dict[int | str, dict[str, Any]] = {
            200: {"model": ReadyAnswer},
            503: {"model": ReadyAnswer, "description": "No model is loaded; the body says why."},
        }
        get("/ready", self.ready, responses=ready)
        metric_text: dict[int | str, dict[str, Any]] = {
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
        }
        responses: dict[int | str, dict[str, Any]] = {**metric_text, **errors_of(401, 429)}
        get("/metrics", self.metrics, responses=responses, response_class=Response)

    async def health(self) -> JsonResponse:
        """Answer while the server runs, whatever the models do."""
        return JsonResponse({"status": "ok"})

    async def ready(self) -> JsonResponse:
        """Answer 200 while the model of a label set can be asked, else 503 with the reason."""
        served, missing = self._models.served, self._models.missing
        infos = {name: missing_info(reason) for name, reason in missing.items()}
        infos |= {name: model_info(each) for name, each in served.items()}
        guides = {
            name: {"model": model, "error": error}
            for name, (model, error) in self._analyst.states().items()
        }
        answer = {"ready": bool(served), "models": infos, "guides": guides}
        return JsonResponse(answer, 200 if served else 503)

    async def metrics(self) -> Response:
        """Answer with the metrics for Prometheus."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)
