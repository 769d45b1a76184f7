"""The application of the HTTP server: every part joins it with a router."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from stream_app.analytics import AnalyticsSource, calendar_of
from stream_app.api.analytics.routes import AnalyticsParts, AnalyticsPaths
from stream_app.api.analytics.served import ServedAnalyst
from stream_app.api.classifier.batching import Batches
from stream_app.api.classifier.routes import ClassifierParts, ClassifierPaths
from stream_app.api.classifier.served import ModelSource, ServedModels
from stream_app.api.http.errors import answer_errors
from stream_app.api.http.guard import OPEN_PATHS, Guard
from stream_app.api.http.metrics import ApiMetrics
from stream_app.api.operation import OperationPaths
from stream_app.feedback.topic import FeedbackWriter
from stream_app.settings import Settings

TITLE = "callstream"
DESCRIPTION = (
    "What calls are about and what they say of their service, and corrections of that. Every error "
    "has one body: ErrorBody."
)
# FastAPI would write what it refuses, and the message of every exception, to whoever collects it
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def create_app(
    settings: Settings,
    open_source: Callable[[], ModelSource],
    open_analytics: Callable[[], AnalyticsSource],
) -> FastAPI:
    """Return the application.

    Args:
        settings: Of the process.
        open_source: Loads the models, off the event loop, once the server starts.
        open_analytics: Likewise the language model.
    """
    metrics = ApiMetrics()
    models = ServedModels(open_source, metrics)
    parts = ClassifierParts(
        settings=settings.api,
        refresh_s=settings.classification.refresh_s,
        models=models,
        batches=Batches(metrics.runs.inc),
        feedback=FeedbackWriter(settings.kafka, timeout_s=settings.api.feedback_timeout_s),
        metrics=metrics,
    )
    analyst = ServedAnalyst(open_analytics, metrics, most_waiting=settings.api.max_analyses)
    app = FastAPI(
        title=TITLE,
        description=DESCRIPTION,
        version=version("callstream"),
        lifespan=lambda _: _lifespan(parts, analyst),
        docs_url=None,  # its page would load scripts from the internet
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.include_router(ClassifierPaths(parts).router)
    calendar = calendar_of(settings.analytics)
    app.include_router(AnalyticsPaths(AnalyticsParts(analyst, calendar, metrics)).router)
    app.include_router(OperationPaths(models, analyst, metrics).router)
    answer_errors(app)
    _describe(app, settings)
    paths = {*app.openapi()["paths"], app.openapi_url}
    app.add_middleware(Guard, settings=settings.api, metrics=metrics, paths=paths)
    return app


@asynccontextmanager
async def _lifespan(parts: ClassifierParts, analyst: ServedAnalyst) -> AsyncIterator[None]:
    """Load the models before the first request, and look for new ones until the last."""
    await asyncio.to_thread(parts.models.look)
    await asyncio.to_thread(analyst.look)
    looking = asyncio.create_task(_look_again(parts, analyst))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await parts.feedback.close()
        await asyncio.to_thread(parts.batches.close)
        await asyncio.to_thread(analyst.close)


async def _look_again(parts: ClassifierParts, analyst: ServedAnalyst) -> None:
    while True:
        await asyncio.sleep(parts.refresh_s)
        await asyncio.to_thread(parts.models.look)
        await asyncio.to_thread(analyst.look)


def _describe(app: FastAPI, settings: Settings) -> None:
    """Put what the settings decide into the description of the interface."""
    described: dict[str, Any] = app.openapi()
    schemas = described["components"]["schemas"]
    schemas["BatchRequest"]["properties"]["calls"]["maxItems"] = settings.api.max_batch
    for answers in described["paths"].values():
        for operation in answers.values():
            operation["responses"].pop("422", None)  # what is not valid is 400
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if not settings.api.api_key.get_secret_value():
        return
    described["components"]["securitySchemes"] = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    for path, answers in described["paths"].items():
        for operation in answers.values():
            operation["security"] = [] if path in OPEN_PATHS else [{"key": []}, {"bearer": []}]
