"""Runs of the model: a batch in, for each request its result or why it failed."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from schemas.errors import InferenceError
from stream_app.agents.definition import Stepwise
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.inference import Failed
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.failures import failure_of
from stream_app.runtime.inference.interruptions import GivenUpError
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.memory.under_way import SET_ASIDE, UnderWay

log = structlog.get_logger(__name__)

BetweenSteps = Callable[[Job], None]


class GivenUp:
    """Stands for the result of a request that nobody needs any more."""


GIVEN_UP: Final = GivenUp()


@dataclass(slots=True)
class _Run:
    """A run of the model that has begun.

    Attributes:
        marks: Of its requests.
        began_s: By the monotonic clock, runs within it left out.
        began_cpu_s: By the clock of the thread, as well.
    """

    marks: Sequence[bytes]
    began_s: float
    began_cpu_s: float


class ModelRunner:
    """Runs batches of requests; only the request to blame fails.

    Suspects of earlier deaths are run alone, or never again. A batch may be run between two steps
    of a run of another.

    Args:
        infer: See `AgentDefinition.infer`.
        metrics: Takes the time of the model.
        under_way: Where the requests of the present batch are marked.
        clock_s: The monotonic clock.
        cpu_clock_s: Of the calling thread.

    Attributes:
        busy_since_s: When the present run of the model began, by the monotonic clock; 0 for none.
            The time of runs within it is left out.
    """

    def __init__(
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        metrics: Metrics,
        under_way: UnderWay,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        cpu_clock_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self.busy_since_s = 0.0
        self._infer = infer
        self._metrics = metrics
        self._under_way = under_way
        self._clock_s = clock_s
        self._cpu_clock_s = cpu_clock_s
        self._runs: list[_Run] = []

    def run(self, batch: Sequence[Job], between_steps: BetweenSteps | None = None) -> list[Any]:
        """Return the result of each request, why it failed, or `GIVEN_UP`.

        Args:
            batch: The requests.
            between_steps: Called between two steps of a request that is run alone, as long as there
                are no suspects; it may run other batches, and raise GivenUpError.

        Raises:
            MemoryError: As every OSError of the process, it is beyond repair.
        """
        results: list[Any] = []
        for jobs in self._under_way.apart(batch, lambda job: job.mark):
            results.extend(self._run_together(jobs, between_steps))
        return results

    def _run_together(
        self, batch: Sequence[Job], between_steps: BetweenSteps | None
    ) -> Sequence[Any]:
        """Run a batch at once; one that fails is run again one by one."""
        marks = [job.mark for job in batch]
        within = [mark for run in self._runs for mark in run.marks]
        if any(map(self._under_way.is_convicted, marks)):
            if len(batch) == 1:
                return [Failed(SET_ASIDE)]
            return self._run_one_by_one(batch, between_steps)
        try:
            with (
                self._under_way.alone(marks),
                self._under_way.marked("requests", marks, within=within),
            ):
                return self._timed(batch, marks, between_steps)
        except GivenUpError:
            self._under_way.leave("requests", within)
            return [GIVEN_UP] * len(batch)
        except Exception as error:  # noqa: BLE001 - of libraries that have errors of their own
            failure = failure_of(error)
        if len(batch) > 1:
            return self._run_one_by_one(batch, between_steps)
        self._under_way.leave("requests", within)
        return [failure]

    def _run_one_by_one(
        self, batch: Sequence[Job], between_steps: BetweenSteps | None
    ) -> list[Any]:
        return [result for job in batch for result in self._run_together([job], between_steps)]

    def _timed(
        self, batch: Sequence[Job], marks: Sequence[bytes], between_steps: BetweenSteps | None
    ) -> Sequence[Any]:
        self._begin(marks)
        try:
            results = self._infer_in_steps(batch, between_steps)
        finally:
            self._end()
        if len(results) != len(batch):
            raise InferenceError(f"{len(results)} results for {len(batch)} requests")
        return results

    def _infer_in_steps(
        self, batch: Sequence[Job], between_steps: BetweenSteps | None
    ) -> Sequence[Any]:
        requests = [job.request for job in batch]
        is_shared = len(batch) > 1 or self._under_way.has_suspects
        if between_steps is None or is_shared or not isinstance(self._infer, Stepwise):
            return self._infer(requests)
        return self._infer.run(requests, partial(between_steps, batch[0]))

    def _begin(self, marks: Sequence[bytes]) -> None:
        run = _Run(marks, self._clock_s(), self._cpu_clock_s())
        self._runs.append(run)
        self.busy_since_s = run.began_s

    def _end(self) -> None:
        run = self._runs.pop()
        elapsed_s, cpu_s = self._clock_s() - run.began_s, self._cpu_clock_s() - run.began_cpu_s
        self._metrics.inference_seconds.observe(elapsed_s)
        self._metrics.inference_cpu_s.inc(cpu_s)
        if not self._runs:
            self.busy_since_s = 0.0
            return
        outer = self._runs[-1]
        outer.began_s += elapsed_s
        outer.began_cpu_s += cpu_s
        self.busy_since_s = outer.began_s


def finished(
    batch: Sequence[Job],
    results: Sequence[Any],
    retries: RetryPolicy,
    postpone: Callable[[Job, float], None],
) -> Iterator[tuple[Job, Any]]:
    """Yield each request that is done, with its result; ``postpone`` takes those worth another run.

    Only urgent and kept ones are: any other would be shed meanwhile, or replaced by a newer one.
    Those given up have no result.
    """
    for job, result in zip(batch, results, strict=True):
        if isinstance(result, GivenUp):
            continue
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
