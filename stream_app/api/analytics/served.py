"""The language models that the server asks: loaded once, exchanged while it runs."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from models.store.versioned import Refusal, Swap
from schemas.errors import CallstreamError
from stream_app.analytics import AnalyticsSource, LoadedAnalyst, ask_champions
from stream_app.api.http.errors import ApiError, invalid
from stream_app.api.http.metrics import ApiMetrics
from stream_app.api.http.model_changes import tell_changes
from stream_app.calls.analyze.analyzed import Analyzed, AnalyzeRequest
from stream_app.calls.inference import Failed

log = structlog.get_logger(__name__)


class ServedGuide(NamedTuple):
    """A guide whose model is at work.

    Attributes:
        guide: As the settings name it.
        loaded_at: When the server took its model up.
    """

    guide: str
    loaded_at: datetime


class ServedAnalyst:
    """The models at work; where there is none, why. Calls are answered one after the other.

    Args:
        open_source: Loads the models; raises a CallstreamError or OSError where it cannot.
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
        self._analysts: dict[str, tuple[LoadedAnalyst, datetime]] = {}
        self._problem = "the model is being loaded"

    def look(self) -> None:
        """Load the models, or take up what changed; may take long, so keep it off the loop."""
        before, changes, problem = self._problem, list[Swap | Refusal](), ""
        try:
            if self._source is None:
                self._source = self._open_source()
            changes += self._source.refresh()
            problem = "; ".join(self._source.missing().values())
        except (CallstreamError, OSError) as error:
            problem = str(error)
        if self._source is not None:
            self._analysts = dict(self._at_work(self._source))
        self._problem = problem
        if problem and problem != before:
            log.warning("api.analytics_missing", reason=problem)
        tell_changes(changes, self._metrics)

    def served(self, guide: str) -> ServedGuide:
        """Return the guide of a request; the default one where it names none.

        Raises:
            ApiError: There is no such guide, or no model of it.
        """
        source = self._source
        if source is None:
            raise _not_loaded(self._problem)
        name = guide or source.default
        if name not in source.names():
            known = ", ".join(source.names())
            raise invalid(f"There is no guide {name!r}; there are {known}.")
        if name not in self._analysts:
            raise _not_loaded(self._reason(source, name))
        return ServedGuide(name, self._analysts[name][1])

    def states(self) -> dict[str, tuple[str, str]]:
        """Return of each guide its model, empty where there is none, and why."""
        if self._source is None:
            return {"": ("", self._problem)}
        found: dict[str, tuple[str, str]] = {}
        for name in self._source.names():
            analyst = self._analysts.get(name)
            reason = "" if analyst else self._reason(self._source, name)
            found[name] = (analyst[0].name if analyst else "", reason)
        return found

    async def ask(self, request: AnalyzeRequest) -> Analyzed:
        """Return what the model of a guide that `served` has named says of a call.

        Raises:
            ApiError: Too many calls wait, or the model fails.
        """
        source = self._source
        assert source is not None
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

    def _at_work(
        self, source: AnalyticsSource
    ) -> Iterator[tuple[str, tuple[LoadedAnalyst, datetime]]]:
        """Yield the model of each guide that has one, and since when."""
        for name in source.names():
            analyst = source.of(name).champion
            if analyst is None:
                continue
            known = self._analysts.get(name)
            is_known = known is not None and known[0] is analyst
            yield name, (analyst, known[1] if known and is_known else self._now())

    def _reason(self, source: AnalyticsSource, guide: str) -> str:
        """Return why a guide has no model."""
        return "; ".join(source.of(guide).missing().values()) or self._problem

    async def _answer(self, source: AnalyticsSource, request: AnalyzeRequest) -> Analyzed:
        loop = asyncio.get_running_loop()
        run = loop.run_in_executor(self._thread, ask_champions, source, [request])
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


def _not_loaded(reason: str) -> ApiError:
    return ApiError(503, "model_not_loaded", f"The language model is not loaded: {reason}.")
