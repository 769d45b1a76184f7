"""Queue of inference requests: urgent, then first, early and other ones, fair between calls."""

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stream_app.agents.partial_pace import PartialPace
from stream_app.calls.effects import InferenceRequest
from stream_app.dead_letters.letter import NOWHERE
from stream_app.runtime.memory.recollection import Recollection
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import request_mark

NS = 1_000_000_000
NS_PER_MS = 1_000_000
MAX_REMEMBERED = 10_000  # calls and slots; those not served for longest count as never served


@dataclass(slots=True, eq=False)
class Job:
    """A request, and whose it is; see `stream_app.calls.effects.Infer`.

    Attributes:
        arrived_ns: When the input that led to it came to the log, by the monotonic clock: the
            clocks of gateways differ, so what they say of the time of capture orders nothing.
        offset: Of that input; `NOWHERE` where no single input led to it.
        failures: How often it has failed so far.
        is_early: See `stream_app.calls.effects.Infer`.
        is_first: See `stream_app.calls.effects.Infer`.
    """

    session: PartitionSession
    call_id: str
    request: InferenceRequest
    is_urgent: bool
    is_kept: bool = False
    arrived_ns: int = field(default_factory=time.monotonic_ns)
    offset: int = NOWHERE
    failures: int = 0
    is_early: bool = False
    is_first: bool = False

    @property
    def is_lasting(self) -> bool:
        """Return whether it is never shed, so that its call waits for the result."""
        return self.is_urgent or self.is_kept

    @property
    def mark(self) -> bytes:
        """Return the mark of the request, the same in every process that makes it."""
        return request_mark(self.session.partition, self.call_id, self.request.identity)

    @property
    def call(self) -> tuple[int, str]:
        """Return the key of the call in the turns of the queue."""
        return (id(self.session), self.call_id)

    @property
    def slot(self) -> tuple[Any, ...]:
        """Return the key by which newer requests replace older ones."""
        return (id(self.session), *self.request.slot)

    def is_form_of(self, other: "Job") -> bool:
        """Return whether it asks for what another does, if perhaps early."""
        return self.call == other.call and self.request.identity == other.request.identity


@dataclass(slots=True)
class _Slot:
    """Requests of one slot that are not urgent: the newest one, or all that are kept.

    Attributes:
        arrived_ns: Of the oldest request that was due since the slot was served last: its rank,
            which a newer request takes over.
        since_ns: When that request came, on a clock that never runs backwards.
        is_due: Whether there was one; not while the stretched interval has not passed.
        retry_ns: When a request of it that failed is run again, and those behind it; 0 for at once.
    """

    arrived_ns: int = 0
    since_ns: int = 0
    is_due: bool = False
    retry_ns: int = 0
    jobs: deque[Job] = field(default_factory=deque)


@dataclass(slots=True)
class RequestQueue:
    """Pending requests, handed out in batches.

    Urgent ones go first, as their input came, and none is ever dropped; first ones follow, then
    early ones, as few at a time as urgent ones. These and the others go by turns of their calls:
    one that was served waits behind all that were not served since. Calls whose turn is the same go
    as their input came: the interval is the same for all, so that is the order of their deadlines.
    Under overload they wait until the stretched interval has passed; first ones do not, nor does
    the first one after an urgent one, since it shows that a party speaks. Every second batch is of
    first ones at most then, since noise asks for them without end.

    A request that failed comes back when it is due again; until then only kept requests of its own
    slot wait behind it, since their results are wanted in order.

    Attributes:
        max_age_s: Requests whose input came longer ago are shed, unless urgent or kept.
        max_batch: Most requests handed out together that are not urgent.
        max_urgent: Most urgent ones. An engine decodes exact requests one by one, so that with
            more the first would only wait for the last.
        pace: Stretches the interval between two requests of a slot; None never does.
        clock_ns: The monotonic clock.
        shed: How many requests that were due have been dropped; none that is urgent or kept.
        stretched: How many were never due because the interval was stretched.
        postponed: How often a request that failed was taken back.
    """

    max_age_s: float
    max_batch: int = 1
    pace: PartialPace | None = None
    max_urgent: int = 1
    clock_ns: Callable[[], int] = time.monotonic_ns
    shed: int = 0
    stretched: int = 0
    postponed: int = 0
    _was_first: bool = False
    _urgent: list[tuple[int, int, Job]] = field(default_factory=list)
    _failed: list[tuple[int, int, Job]] = field(default_factory=list)
    _slots: dict[tuple[Any, ...], _Slot] = field(default_factory=dict)
    _turns: Recollection = field(default_factory=lambda: Recollection(MAX_REMEMBERED))
    _served: Recollection = field(default_factory=lambda: Recollection(MAX_REMEMBERED))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __len__(self) -> int:
        """Return how many requests are pending."""
        waiting = sum(len(slot.jobs) for slot in self._slots.values())
        return len(self._urgent) + len(self._failed) + waiting

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

    def postpone(self, job: Job, delay_s: float) -> None:
        """Take back an urgent or kept request that failed, to be handed out after a delay."""
        self.postponed += 1
        due_ns = self.clock_ns() + int(delay_s * NS)
        if job.is_urgent:
            heapq.heappush(self._failed, (due_ns, next(self._numbers), job))
            return
        slot = self._slots.setdefault(job.slot, _Slot(is_due=True))
        slot.jobs.appendleft(job)
        slot.arrived_ns, slot.retry_ns = job.arrived_ns, due_ns

    def pop(self) -> list[Job]:
        """Return a batch, all urgent or none, of sessions that still hold."""
        return self.pop_urgent(self.max_urgent) or self._pop_others()

    def pop_urgent(self, limit: int) -> list[Job]:
        """Return a batch of urgent requests, none if none is pending."""
        self._take_up_failed()
        batch: list[Job] = []
        while self._urgent and len(batch) < limit:
            job = heapq.heappop(self._urgent)[2]
            if job.session.is_current:
                batch.append(job)
        return batch

    def pop_first(self, limit: int, running: Job) -> list[Job]:
        """Return a batch of first requests that need not wait for the one that is run.

        None under overload, none while another urgent one waits, and none of the slot of that which
        is run, whose results come in order.
        """
        if self._is_stretched or self._has_urgent_but(running):
            return []
        self._forget_dropped()
        due = self._due()
        first = [key for key in due if key != running.slot and self._slots[key].jobs[0].is_first]
        return self._take(first, limit)

    def is_asked_for(self, running: Job) -> bool:
        """Return whether the urgent form of a request that is run waits for its result."""
        return any(job.is_form_of(running) for _, _, job in self._urgent)

    def is_replaced(self, running: Job) -> bool:
        """Return whether something that will be run would have replaced an early request.

        Nothing replaces one whose urgent form waits for it, nor a request that is not early.
        """
        if not running.is_early or self.is_asked_for(running):
            return False
        slot = self._slots.get(running.slot)
        is_behind = slot is not None and slot.is_due
        return is_behind or any(job.slot == running.slot for _, _, job in self._urgent)

    def next_retry_s(self) -> float | None:
        """Return the time until a request that failed is due again, None if there is none."""
        now_ns = self.clock_ns()
        dues = [slot.retry_ns for slot in self._slots.values() if slot.retry_ns > now_ns]
        dues += [due_ns for due_ns, _, _ in self._failed[:1]]
        return max(0.0, (min(dues) - now_ns) / NS) if dues else None

    def rest(self) -> None:
        """Note that nothing has been pending for a whole interval."""
        if self.pace is not None:
            self.pace.note_rest(self.clock_ns() / NS_PER_MS)

    def _take_up_failed(self) -> None:
        now_ns = self.clock_ns()
        while self._failed and self._failed[0][0] <= now_ns:
            job = heapq.heappop(self._failed)[2]
            heapq.heappush(self._urgent, (job.arrived_ns, next(self._numbers), job))

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

    @property
    def _is_stretched(self) -> bool:
        return self.pace is not None and self.pace.is_stretched

    def _has_urgent_but(self, running: Job) -> bool:
        jobs = (job for _, _, job in self._urgent if not job.is_form_of(running))
        return any(job.session.is_current for job in jobs)

    def _is_due(self, key: tuple[Any, ...], job: Job) -> bool:
        if job.is_kept or job.is_first or self.pace is None or not self.pace.is_stretched:
            return True
        served_ns = self._served.get(key)
        passed_ns = job.arrived_ns - (served_ns or 0)
        return served_ns is None or passed_ns >= self.pace.interval_ms * NS_PER_MS

    def _pop_others(self) -> list[Job]:
        self._forget_dropped()
        due = self._due()
        first = [key for key in due if self._slots[key].jobs[0].is_first]
        self._was_first = bool(first) and not (self._was_first and self._is_stretched)
        if self._was_first:
            return self._take(first, self.max_batch)
        early = [key for key in due if self._slots[key].jobs[0].is_early]
        return self._take(early, self.max_urgent) if early else self._take(due, self.max_batch)

    def _due(self) -> list[tuple[Any, ...]]:
        now_ns = self.clock_ns()
        slots = self._slots.items()
        return [key for key, slot in slots if slot.is_due and slot.retry_ns <= now_ns]

    def _take(self, keys: list[tuple[Any, ...]], limit: int) -> list[Job]:
        """Take the next request of slots whose turn it is; those that are too old are shed."""
        batch: list[Job] = []
        turn = next(self._numbers)
        horizon_ns = self.clock_ns() - int(self.max_age_s * NS)
        for key in sorted(keys, key=self._rank):
            if len(batch) == limit:
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
        if self.pace is not None and not (job.is_kept or job.is_early):
            self._served.note(job.slot, job.arrived_ns)
            now_ns = self.clock_ns()
            self.pace.note_wait((now_ns - slot.since_ns) / NS_PER_MS, now_ns / NS_PER_MS)

    def _move_up(self, key: tuple[Any, ...], slot: _Slot) -> None:
        if slot.jobs:
            slot.arrived_ns = slot.jobs[0].arrived_ns
        else:
            del self._slots[key]
