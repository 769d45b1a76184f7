"""Runs of the model: a batch in, for each request its result or why it failed."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog

from schemas.errors import InferenceError
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.inference import Failed
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.failures import failure_of
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.memory.under_way import SET_ASIDE, UnderWay

log = structlog.get_logger(__name__)


class ModelRunner:
    """Runs batches of requests; only the request to blame fails.

    Suspects of earlier deaths are run alone, or never again.

    Args:
        infer: See `AgentDefinition.infer`.
        metrics: Takes the time of the model.
        under_way: Where the requests of the present batch are marked.

    Attributes:
        busy_since_s: When the present run of the model began, by the monotonic clock; 0 for none.
    """

    def __init__(
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        metrics: Metrics,
        under_way: UnderWay,
    ) -> None:
        self.busy_since_s = 0.0
        self._infer = infer
        self._metrics = metrics
        self._under_way = under_way

    def run(self, batch: Sequence[Job]) -> list[Any]:
        """Return the result of each request, or why it failed.

        Raises:
            MemoryError: As every OSError of the process, it is beyond repair.
        """
        results: list[Any] = []
        for jobs in self._under_way.apart(batch, lambda job: job.mark):
            results.extend(self._run_together(jobs))
        return results

    def _run_together(self, batch: Sequence[Job]) -> Sequence[Any]:
        """Run a batch at once; one that fails is run again one by one."""
        marks = [job.mark for job in batch]
        if any(map(self._under_way.is_convicted, marks)):
            if len(batch) == 1:
                return [Failed(SET_ASIDE)]
            return self._run_one_by_one(batch)
        try:
            with self._under_way.alone(marks), self._under_way.marked("requests", marks):
                return self._timed(batch)
        except Exception as error:  # noqa: BLE001 - of libraries that have errors of their own
            failure = failure_of(error)
        if len(batch) > 1:
            return self._run_one_by_one(batch)
        self._under_way.clear("requests")
        return [failure]

    def _run_one_by_one(self, batch: Sequence[Job]) -> list[Any]:
        return [result for job in batch for result in self._run_together([job])]

    def _timed(self, batch: Sequence[Job]) -> Sequence[Any]:
        self.busy_since_s = time.monotonic()
        cpu_s = time.thread_time()
        try:
            results = self._infer([job.request for job in batch])
        finally:
            elapsed_s = time.monotonic() - self.busy_since_s
            self.busy_since_s = 0.0
        self._metrics.inference_seconds.observe(elapsed_s)
        self._metrics.inference_cpu_s.inc(time.thread_time() - cpu_s)
        if len(results) != len(batch):
            raise InferenceError(f"{len(results)} results for {len(batch)} requests")
        return results


def finished(
    batch: Sequence[Job],
    results: Sequence[Any],
    retries: RetryPolicy,
    postpone: Callable[[Job, float], None],
) -> Iterator[tuple[Job, Any]]:
    """Yield each request that is done, with its result; ``postpone`` takes those worth another run.

    Only urgent and kept ones are: any other would be shed meanwhile, or replaced by a newer one.
    """
    for job, result in zip(batch, results, strict=True):
        if not isinstance(result, Failed):
            yield job, result
            continue
        job.failures += 1
        is_worth_it = result.retryable and job.is_lasting
        backoff_s = retries.backoff_s(job.failures) if is_worth_it else None
        if backoff_s is None:
            yield job, result
            continue
        if job.failures == 1:
            log.warning("inference.postponed", reason=result.reason, call_id=job.call_id)
        postpone(job, backoff_s)
