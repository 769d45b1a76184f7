"""The language model that the server asks: loaded once, exchanged while it runs."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import structlog

from models.store.versioned import Refusal, Swap
from schemas.errors import CallstreamError
from stream_app.analytics import AnalyticsSource, LoadedAnalyst, ask_champion
from stream_app.api.http.errors import ApiError
from stream_app.api.http.metrics import ApiMetrics
from stream_app.api.http.model_changes import tell_changes
from stream_app.calls.analyze.analyzed import Analyzed, AnalyzeRequest
from stream_app.calls.inference import Failed

log = structlog.get_logger(__name__)


class ServedAnalyst:
    """The model at work; where there is none, why. Calls are answered one after the other.

    Args:
        open_source: Loads the model; raises a CallstreamError or OSError where it cannot.
        metrics: Counts what was taken up and refused.
        most_waiting: Calls that are answered or wait at the same time.
        now: Wall clock.
    """

    def __init__(
        self,
        open_source: Callable[[], AnalyticsSource],
        metrics: ApiMetrics,
        *,
        most_waiting: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._open_source = open_source
        self._metrics = metrics
        self._most_waiting = most_waiting
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="analyze")
        self._waiting = 0
        self._source: AnalyticsSource | None = None
        self._analyst: LoadedAnalyst | None = None
        self._problem = "the model is being loaded"
        self.loaded_at = now()

    def look(self) -> None:
        """Load the model, or take up what changed; may take long, so keep it off the loop."""
        before, changes, problem = self._problem, list[Swap | Refusal](), ""
        try:
            if self._source is None:
                self._source = self._open_source()
            changes += self._source.refresh()
            problem = "; ".join(self._source.missing().values())
        except (CallstreamError, OSError) as error:
            problem = str(error)
        analyst = self._source.champion if self._source is not None else None
        if analyst is not self._analyst:
            self._analyst, self.loaded_at = analyst, self._now()
        self._problem = "" if analyst is not None else problem
        if self._problem and self._problem != before:
            log.warning("api.analytics_missing", reason=self._problem)
        tell_changes(changes, self._metrics)

    async def ask(self, request: AnalyzeRequest) -> Analyzed:
        """Return what the model says of a call.

        Raises:
            ApiError: There is no model, too many calls wait, or the model fails.
        """
        source = self._source
        if source is None or self._analyst is None:
            message = f"The language model is not loaded: {self._problem}."
            raise ApiError(503, "model_not_loaded", message)
        if self._waiting >= self._most_waiting:
            message = f"{self._waiting} calls are being analysed; try again later."
            raise ApiError(429, "too_many_requests", message, {"Retry-After": "5"})
        self._waiting += 1
        try:
            return await self._answer(source, request)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread; no call may wait any more."""
        self._thread.shutdown()

    async def _answer(self, source: AnalyticsSource, request: AnalyzeRequest) -> Analyzed:
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor(self._thread, ask_champion, source, [request])
        await asyncio.wait([run])
        self._metrics.runs.inc()
        error = run.exception()
        if error is not None:
            log.error("api.inference_failed", calls=1, error=type(error).__name__)
            message = "The model failed on this call; the log of the server says where."
            raise ApiError(500, "inference_failed", message)
        (found,) = run.result()
        if isinstance(found, Failed):
            log.error("api.inference_failed", calls=1, error=found.reason)
            if found.retryable:
                message = "The model cannot be reached now; try again later."
                raise ApiError(503, "model_unavailable", message)
            message = "The model failed on this call; the log of the server says why."
            raise ApiError(500, "inference_failed", message)
        return found
