"""The inference thread: runs the model, batch by batch, beside the event loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from schemas.errors import InferenceError
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.interruptions import GivenUpError, Interruptions
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import ModelRunner, finished

Finished = Sequence[tuple[Job, Any]]


class InferenceThread:
    """Runs batches of the queue for as long as it is not stopped; long ones give way to others.

    Args:
        runner: Of the model.
        queue: Decides what comes next.
        retries: When a request that failed is run again.
        metrics: Counts what is shed, stretched or run again.
        on_result: Called on the event loop with each job and its result, or how it failed for good.
        on_failure: Called on the event loop when the model is beyond repair; the process is to
            end.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, what it reports to
        self,
        runner: ModelRunner,
        queue: RequestQueue,
        retries: RetryPolicy,
        *,
        metrics: Metrics,
        on_result: Callable[[Job, Any], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._runner = runner
        self._queue = queue
        self._retries = retries
        self._metrics = metrics
        self._on_result = on_result
        self._on_failure = on_failure
        self._wake = threading.Condition()
        self._is_stopping = False
        self._counted = (0, 0, 0)
        self._unfinished: dict[int, Job] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(1, "inference")

    @property
    def unfinished_cost(self) -> int:
        """Cost of the requests, urgent or kept, that will not be shed and are not finished."""
        return sum(job.request.cost for job in self._unfinished.values())

    @property
    def dropped(self) -> int:
        """How many requests were dropped for lack of time."""
        return self._queue.shed + self._queue.stretched

    @property
    def unfinished(self) -> int:
        """How many of them there are."""
        return len(self._unfinished)

    def check(self, max_busy_s: float) -> None:
        """Do nothing while the model finishes its batches.

        Raises:
            InferenceError: It has been working on one for longer than ``max_busy_s``.
        """
        since_s = self._runner.busy_since_s
        if since_s and time.monotonic() - since_s > max_busy_s:
            raise InferenceError(f"the model has not finished within {max_busy_s:.0f} s")

    def start(self) -> None:
        """Start the thread; call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._executor.submit(self._run).add_done_callback(self._note_end)

    def stop(self) -> None:
        """Ask the thread to end after the present batch; nothing waits for it."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        self._executor.shutdown(wait=False)

    def submit(self, job: Job) -> None:
        """Queue a request; call it on the event loop."""
        if job.is_lasting:
            self._unfinished[id(job)] = job
        with self._wake:
            self._queue.push(job)
            self._wake.notify()

    def forget_dropped(self) -> None:
        """Stop counting the requests of sessions that no longer hold."""
        held = {key: job for key, job in self._unfinished.items() if job.session.is_current}
        self._unfinished = held

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            interruptions = Interruptions(self._queue)
            results = self._runner.run(batch, partial(self._give_way, interruptions))
            self._hand_over(batch, results)

    def _give_way(self, interruptions: Interruptions, running: Job) -> None:
        """Run what should not wait for a run that has begun, between two of its steps.

        Raises:
            GivenUpError: The run is not to go on.
        """
        with self._wake:
            if self._is_stopping:
                return
            try:
                batch = interruptions.next_batch(running)
            except GivenUpError:
                self._metrics.given_up_searches.inc()
                raise
        if not batch:
            return
        began_s = time.monotonic()
        self._hand_over(batch, self._runner.run(batch))
        interruptions.note_run(time.monotonic() - began_s)
        self._metrics.interruptions.inc()

    def _hand_over(self, batch: Sequence[Job], results: Sequence[Any]) -> None:
        """Give the results of a batch to the event loop; what is worth it is run again."""
        done = tuple(finished(batch, results, self._retries, self._postpone))
        self._call(self._finish, done)

    def _note_end(self, run: "Future[None]") -> None:
        error = run.exception()
        if error is not None:
            self._call(self._on_failure, error)

    def _postpone(self, job: Job, delay_s: float) -> None:
        with self._wake:
            self._queue.postpone(job, delay_s)

    def _next_batch(self) -> list[Job] | None:
        with self._wake:
            while not self._is_stopping:
                batch = self._queue.pop()
                self._count()
                if batch:
                    return batch
                self._wait()
        return None

    def _wait(self) -> None:
        """Wait for a request; having none for a whole interval says something about the pace."""
        pace = self._queue.pace
        rest_s = pace.interval_ms / 1000 if pace is not None and pace.is_stretched else None
        retry_s = self._queue.next_retry_s()
        times = [seconds for seconds in (rest_s, retry_s) if seconds is not None]
        is_idle = not self._wake.wait(min(times, default=None))
        if is_idle and rest_s is not None and rest_s == min(times):
            self._queue.rest()

    def _count(self) -> None:
        queue = self._queue
        counts = (queue.shed, queue.stretched, queue.postponed)
        if counts != self._counted:
            self._metrics.shed_requests.inc(counts[0] - self._counted[0])
            self._metrics.stretched_requests.inc(counts[1] - self._counted[1])
            self._metrics.retried_requests.inc(counts[2] - self._counted[2])
            self._counted = counts
        if queue.pace is not None:
            self._metrics.partial_interval_s.set(queue.pace.interval_ms / 1000)

    def _finish(self, done: Finished) -> None:
        for job, result in done:
            self._unfinished.pop(id(job), None)
            if job.session.is_current:
                self._on_result(job, result)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
