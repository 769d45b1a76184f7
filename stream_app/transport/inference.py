"""Run inference requests on one thread: finals first, partials only while they are fresh."""

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import InferenceError
from stream_app.calls.effects import InferenceRequest
from stream_app.transport.metrics import Metrics
from stream_app.transport.sessions import PartitionSession

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A request, and whose it is."""

    session: PartitionSession
    call_id: str
    request: InferenceRequest
    is_urgent: bool


@dataclass(slots=True)
class RequestQueue:
    """Pending requests. Urgent ones go first, by capture time; others replace one another.

    Attributes:
        max_age_s: Requests that are not urgent and whose audio is older are shed.
        max_batch: Most requests handed out together.
        now_ns: The wall clock.
        shed: How many requests that were not urgent have been dropped.
    """

    max_age_s: float
    max_batch: int = 1
    now_ns: Callable[[], int] = time.time_ns
    shed: int = 0
    _urgent: list[tuple[int, int, Job]] = field(default_factory=list)
    _others: dict[tuple[Any, ...], Job] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __len__(self) -> int:
        """Return how many requests are pending."""
        return len(self._urgent) + len(self._others)

    def push(self, job: Job) -> None:
        """Add a request; an older one of its slot that is not urgent goes."""
        slot = (id(job.session), *job.request.slot)
        if self._others.pop(slot, None) is not None:
            self.shed += 1
        if job.is_urgent:
            entry = (job.request.captured_at_ns, next(self._numbers), job)
            heapq.heappush(self._urgent, entry)
        else:
            self._others[slot] = job

    def pop(self) -> list[Job]:
        """Return a batch, all urgent or none, of sessions that still hold."""
        batch: list[Job] = []
        while self._urgent and len(batch) < self.max_batch:
            job = heapq.heappop(self._urgent)[2]
            if job.session.is_current:
                batch.append(job)
        return batch or self._pop_others()

    def _pop_others(self) -> list[Job]:
        batch: list[Job] = []
        horizon_ns = self.now_ns() - int(self.max_age_s * NS)
        oldest_first = sorted(self._others.items(), key=lambda item: item[1].request.captured_at_ns)
        for slot, job in oldest_first:
            if len(batch) == self.max_batch:
                break
            del self._others[slot]
            if not job.session.is_current:
                continue
            if job.request.captured_at_ns < horizon_ns:
                self.shed += 1
            else:
                batch.append(job)
        return batch


class InferenceThread:
    """The one thread of a process that runs the model.

    Args:
        infer: Requests in, as many results out.
        queue: Decides what comes next.
        metrics: Counts what is shed, and the time of the model.
        on_result: Called on the event loop with each job and its result.
        on_failure: Called on the event loop when the model raised; the process is to end.
    """

    def __init__(
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        queue: RequestQueue,
        metrics: Metrics,
        *,
        on_result: Callable[[Job, Any], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._infer = infer
        self._on_result = on_result
        self._on_failure = on_failure
        self._queue = queue
        self._metrics = metrics
        self._wake = threading.Condition()
        self._is_stopping = False
        self._busy_since = 0.0
        self._pending_urgent: dict[int, Job] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @property
    def pending_urgent_ms(self) -> int:
        """Audio of the urgent requests that are not finished."""
        return sum(job.request.audio_ms for job in self._pending_urgent.values())

    def check(self, max_busy_s: float) -> None:
        """Do nothing while the model finishes its batches.

        Raises:
            InferenceError: It has been working on one for longer than ``max_busy_s``.
        """
        since = self._busy_since
        if since and time.monotonic() - since > max_busy_s:
            raise InferenceError(f"the model has not finished within {max_busy_s:.0f} s")

    def start(self) -> None:
        """Start the thread; call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the present batch; nothing waits for it."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()

    def submit(self, job: Job) -> None:
        """Queue a request; call it on the event loop."""
        if job.is_urgent:
            self._pending_urgent[id(job)] = job
        with self._wake:
            self._queue.push(job)
            self._wake.notify()

    def forget_dropped(self) -> None:
        """Stop counting the requests of sessions that no longer hold."""
        held = {key: job for key, job in self._pending_urgent.items() if job.session.is_current}
        self._pending_urgent = held

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._busy_since = time.monotonic()
            cpu_s = time.thread_time()
            try:
                results = self._infer([job.request for job in batch])
                if len(results) != len(batch):
                    message = f"{len(results)} results for {len(batch)} requests"
                    raise InferenceError(message)  # noqa: TRY301 - one way out
            except BaseException as error:  # noqa: BLE001 - whatever it is, the process must end
                self._call(self._on_failure, error)
                return
            finally:
                elapsed = time.monotonic() - self._busy_since
                self._busy_since = 0.0
            self._metrics.inference_seconds.observe(elapsed)
            self._metrics.inference_cpu_s.inc(time.thread_time() - cpu_s)
            self._call(self._finish, batch, results)

    def _next_batch(self) -> list[Job] | None:
        with self._wake:
            while not self._is_stopping:
                before = self._queue.shed
                batch = self._queue.pop()
                if self._queue.shed > before:
                    self._metrics.shed_requests.inc(self._queue.shed - before)
                if batch:
                    return batch
                self._wake.wait()
        return None

    def _finish(self, batch: Sequence[Job], results: Sequence[Any]) -> None:
        for job, result in zip(batch, results, strict=True):
            self._pending_urgent.pop(id(job), None)
            if job.session.is_current:
                self._on_result(job, result)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
