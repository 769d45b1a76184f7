"""The inference thread and its queue: finals first, then partials, fair between calls."""

import asyncio
import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import InferenceError
from stream_app.calls.effects import InferenceRequest
from stream_app.transport.failures import BEYOND_REPAIR, Blame, Failure
from stream_app.transport.metrics import Metrics
from stream_app.transport.partial_pace import PartialPace
from stream_app.transport.recollection import Recollection
from stream_app.transport.sessions import PartitionSession
from stream_app.transport.under_way import SET_ASIDE, UnderWay, request_mark

NS = 1_000_000_000
NS_PER_MS = 1_000_000
MAX_REMEMBERED = 10_000  # calls and slots; those not served for longest count as never served


@dataclass(frozen=True, slots=True)
class Job:
    """A request, and whose it is; see `stream_app.calls.effects.Infer`.

    Attributes:
        arrived_ns: When the input that led to it came to the log, by the monotonic clock: the
            clocks of gateways differ, so what they say of the time of capture orders nothing.
    """

    session: PartitionSession
    call_id: str
    request: InferenceRequest
    is_urgent: bool
    is_kept: bool = False
    arrived_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def mark(self) -> bytes:
        """Return what tells the request from every other one, in every process that makes it."""
        return request_mark(self.session.partition, self.call_id, self.request.identity)

    @property
    def call(self) -> tuple[int, str]:
        """Return what the turns of calls are counted by."""
        return (id(self.session), self.call_id)

    @property
    def slot(self) -> tuple[Any, ...]:
        """Return what newer requests replace older ones by."""
        return (id(self.session), *self.request.slot)


@dataclass(slots=True)
class _Slot:
    """Requests of one slot that are not urgent: the newest one, or all that are kept.

    Attributes:
        arrived_ns: Of the oldest request that was due since the slot was served last: its place
            in line, which a newer request takes over.
        since_ns: When that request came, on a clock that never runs backwards.
        is_due: Whether there was one; not while the stretched interval has not passed.
    """

    arrived_ns: int = 0
    since_ns: int = 0
    is_due: bool = False
    jobs: deque[Job] = field(default_factory=deque)


@dataclass(slots=True)
class RequestQueue:
    """Pending requests, handed out in batches.

    Urgent ones go first, as their input came, and none is ever dropped. The others go by turns of
    their calls: one that was served waits behind all that were not served since. Calls whose
    turn is the same go as their input came: the interval is the same for all, so that is the
    order of their deadlines. Under overload they wait until the stretched interval has passed;
    the first one after an urgent one does not, since it says that somebody speaks.

    Attributes:
        max_age_s: Requests whose input came longer ago are shed, unless urgent or kept.
        max_batch: Most requests handed out together that are not urgent.
        max_urgent: Most urgent ones. An engine decodes exact requests one by one, so that with
            more the first would only wait for the last.
        pace: Stretches the interval between two requests of a slot; None never does.
        clock_ns: The monotonic clock.
        shed: How many requests that were due have been dropped; none that is urgent or kept.
        stretched: How many were never due because the interval was stretched.
    """

    max_age_s: float
    max_batch: int = 1
    pace: PartialPace | None = None
    max_urgent: int = 1
    clock_ns: Callable[[], int] = time.monotonic_ns
    shed: int = 0
    stretched: int = 0
    _urgent: list[tuple[int, int, Job]] = field(default_factory=list)
    _slots: dict[tuple[Any, ...], _Slot] = field(default_factory=dict)
    _turns: Recollection = field(default_factory=lambda: Recollection(MAX_REMEMBERED))
    _served: Recollection = field(default_factory=lambda: Recollection(MAX_REMEMBERED))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __len__(self) -> int:
        """Return how many requests are pending."""
        return len(self._urgent) + sum(len(slot.jobs) for slot in self._slots.values())

    def push(self, job: Job) -> None:
        """Add a request; an older one of its slot that is neither urgent nor kept goes."""
        key = job.slot
        slot = self._slots.get(key)
        if slot is not None and not slot.jobs[0].is_kept:
            self._drop(slot)
        if job.is_urgent:
            self._push_urgent(key, job)
            return
        if slot is None:
            slot = self._slots[key] = _Slot()
        slot.jobs.append(job)
        if not slot.is_due and self._is_due(key, job):
            slot.is_due = True
            slot.arrived_ns, slot.since_ns = job.arrived_ns, self.clock_ns()

    def pop(self) -> list[Job]:
        """Return a batch, all urgent or none, of sessions that still hold."""
        batch: list[Job] = []
        while self._urgent and len(batch) < self.max_urgent:
            job = heapq.heappop(self._urgent)[2]
            if job.session.is_current:
                batch.append(job)
        return batch or self._pop_others()

    def rest(self) -> None:
        """Note that nothing has been pending for a whole interval."""
        if self.pace is not None:
            self.pace.note_rest(self.clock_ns() / NS_PER_MS)

    def _push_urgent(self, key: tuple[Any, ...], job: Job) -> None:
        slot = self._slots.get(key)
        if slot is not None and not slot.jobs:
            del self._slots[key]
        self._served.pop(key, None)
        heapq.heappush(self._urgent, (job.arrived_ns, next(self._numbers), job))

    def _drop(self, slot: _Slot) -> None:
        if slot.is_due:
            self.shed += len(slot.jobs)
        else:
            self.stretched += len(slot.jobs)
        slot.jobs.clear()

    def _is_due(self, key: tuple[Any, ...], job: Job) -> bool:
        if job.is_kept or self.pace is None or not self.pace.is_stretched:
            return True
        served_ns = self._served.get(key)
        passed_ns = job.arrived_ns - (served_ns or 0)
        return served_ns is None or passed_ns >= self.pace.interval_ms * NS_PER_MS

    def _pop_others(self) -> list[Job]:
        self._forget_dropped()
        batch: list[Job] = []
        turn = next(self._numbers)
        horizon_ns = self.clock_ns() - int(self.max_age_s * NS)
        due = [key for key, slot in self._slots.items() if slot.is_due]
        for key in sorted(due, key=self._rank):
            if len(batch) == self.max_batch:
                break
            slot = self._slots[key]
            job = slot.jobs.popleft()
            if job.is_kept or job.arrived_ns >= horizon_ns:
                batch.append(job)
                self._note_served(job, slot, turn)
            else:
                self.shed += 1
            self._move_up(key, slot)
        return batch

    def _forget_dropped(self) -> None:
        dropped = [k for k, slot in self._slots.items() if not slot.jobs[0].session.is_current]
        for key in dropped:
            del self._slots[key]

    def _rank(self, key: tuple[Any, ...]) -> tuple[int, int]:
        slot = self._slots[key]
        return self._turns.get(slot.jobs[0].call, 0), slot.arrived_ns

    def _note_served(self, job: Job, slot: _Slot, turn: int) -> None:
        self._turns.note(job.call, turn)
        if self.pace is not None and not job.is_kept:
            self._served.note(job.slot, job.arrived_ns)
            now_ns = self.clock_ns()
            self.pace.note_wait((now_ns - slot.since_ns) / NS_PER_MS, now_ns / NS_PER_MS)

    def _move_up(self, key: tuple[Any, ...], slot: _Slot) -> None:
        if slot.jobs:
            slot.arrived_ns = slot.jobs[0].arrived_ns
        else:
            del self._slots[key]


class InferenceThread:
    """The one thread of a process that runs the model.

    Args:
        infer: Requests in, as many results out.
        queue: Decides what comes next.
        metrics: Counts what is shed or stretched, and the time of the model.
        on_result: Called on the event loop with each job and its result, or its `Failure`.
        on_failure: Called on the event loop when the model is beyond repair; the process is to
            end.
        under_way: Where the requests of the present batch are marked.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, what it reports to
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        queue: RequestQueue,
        metrics: Metrics,
        *,
        on_result: Callable[[Job, Any], None],
        on_failure: Callable[[BaseException], None],
        under_way: UnderWay | None = None,
    ) -> None:
        self._infer = infer
        self._under_way = under_way or UnderWay()
        self._on_result = on_result
        self._on_failure = on_failure
        self._queue = queue
        self._metrics = metrics
        self._wake = threading.Condition()
        self._is_stopping = False
        self._busy_since = 0.0
        self._counted = (0, 0)
        self._blame = Blame()
        self._pending_urgent: dict[int, Job] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)

    @property
    def pending_urgent_ms(self) -> int:
        """Audio of the requests, urgent or kept, that will not be shed and are not finished."""
        return sum(job.request.audio_ms for job in self._pending_urgent.values())

    @property
    def has_urgent(self) -> bool:
        """Whether requests that will not be shed are unfinished."""
        return bool(self._pending_urgent)

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
        if job.is_urgent or job.is_kept:
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
            try:
                results = self._all_results(batch)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the process must end
                self._call(self._on_failure, error)
                return
            self._call(self._finish, batch, results)

    def _all_results(self, batch: Sequence[Job]) -> Sequence[Any]:
        """Return the result of each request; suspects are run alone, or never again."""
        results: list[Any] = []
        for jobs in self._under_way.apart(batch, lambda job: job.mark):
            results.extend(self._results(jobs))
        return results

    def _results(self, batch: Sequence[Job]) -> Sequence[Any]:
        """Return the result of each request, or its failure.

        A batch that fails is run again one by one, so that only the request to blame fails.
        """
        marks = [job.mark for job in batch]
        if any(map(self._under_way.is_convicted, marks)):
            if len(batch) == 1:
                return [Failure(InferenceError(SET_ASIDE))]
            return [result for job in batch for result in self._results([job])]
        try:
            with self._under_way.alone(marks), self._under_way.marked("requests", marks):
                results = self._timed(batch)
        except BEYOND_REPAIR:
            raise
        except Exception as error:  # noqa: BLE001 - judged by what it is
            if len(batch) == 1:
                failure = self._blame.failure(batch[0].call_id, error)
                self._under_way.clear("requests")
                return [failure]
            return [result for job in batch for result in self._results([job])]
        self._blame.clear()
        return results

    def _timed(self, batch: Sequence[Job]) -> Sequence[Any]:
        self._busy_since = time.monotonic()
        cpu_s = time.thread_time()
        try:
            results = self._infer([job.request for job in batch])
        finally:
            elapsed = time.monotonic() - self._busy_since
            self._busy_since = 0.0
        self._metrics.inference_seconds.observe(elapsed)
        self._metrics.inference_cpu_s.inc(time.thread_time() - cpu_s)
        if len(results) != len(batch):
            raise InferenceError(f"{len(results)} results for {len(batch)} requests")
        return results

    def _next_batch(self) -> list[Job] | None:
        with self._wake:
            while not self._is_stopping:
                batch = self._queue.pop()
                self._measure()
                if batch:
                    return batch
                if not self._wake.wait(self._rest_s()):
                    self._queue.rest()
        return None

    def _rest_s(self) -> float | None:
        """Return for how long having nothing to do says something about the pace."""
        pace = self._queue.pace
        return pace.interval_ms / 1000 if pace is not None and pace.is_stretched else None

    def _measure(self) -> None:
        counts = (self._queue.shed, self._queue.stretched)
        if counts != self._counted:
            self._metrics.shed_requests.inc(counts[0] - self._counted[0])
            self._metrics.stretched_requests.inc(counts[1] - self._counted[1])
            self._counted = counts
        if self._queue.pace is not None:
            self._metrics.partial_interval_s.set(self._queue.pace.interval_ms / 1000)

    def _finish(self, batch: Sequence[Job], results: Sequence[Any]) -> None:
        for job, result in zip(batch, results, strict=True):
            self._pending_urgent.pop(id(job), None)
            if job.session.is_current:
                self._on_result(job, result)

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
