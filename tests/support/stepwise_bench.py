"""An inference thread whose model works in steps, at which things happen as a test says."""

import asyncio
import mmap
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from stream_app.agents.definition import Stepwise
from stream_app.agents.partial_pace import PartialPace
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import ModelRunner
from stream_app.runtime.inference.thread import InferenceThread
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import SHARED_BYTES, Suspects, UnderWay, read_marks
from tests.support.waiting import until

STEPS = 6  # of every run
STEP_S = 0.5
RETRIES = RetryPolicy(max_attempts=3, first_backoff_s=0.001, max_backoff_s=0.002)
Infer = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Request:
    """What the queue looks at, and a name."""

    name: str
    slot: tuple[str]
    identity: tuple[str]
    cost: int = 1000


def session() -> PartitionSession:
    return PartitionSession(TP("t", 0), 1, lambda _: None)


def job(name: str, call: str, owner: PartitionSession | None = None, **kinds: Any) -> Job:
    """Return a request of a call, which has one slot."""
    identity = kinds.pop("identity", name)
    kinds.setdefault("arrived_ns", time.monotonic_ns())
    request = Request(name, (call,), (identity,))
    return Job(owner or session(), call, request, **({"is_urgent": False} | kinds))


def final(name: str, call: str, owner: PartitionSession | None = None, **kinds: Any) -> Job:
    return job(name, call, owner, is_urgent=True, **kinds)


def early(name: str, call: str, owner: PartitionSession | None = None) -> Job:
    return job(name, call, owner, is_early=True)


def first(name: str, call: str, owner: PartitionSession | None = None, **kinds: Any) -> Job:
    return job(name, call, owner, is_first=True, **kinds)


def partial(name: str, call: str, owner: PartitionSession | None = None, **kinds: Any) -> Job:
    return job(name, call, owner, **kinds)


def names(jobs: Iterable[Job]) -> list[str]:
    return [each.request.name for each in jobs]  # type: ignore[attr-defined]


class StepwiseBench:
    """The thread, what its model was given, and what came of it.

    Args:
        pace: Of the partials.
        suspects: Of earlier deaths.
        model: In place of the one in steps.
        max_urgent: Most urgent requests in one run.

    Attributes:
        now_s: A clock that only goes on with the steps; the thread has half of it in CPU time.
        batches: Names of the requests of each run, as they began.
        ended: Names of the requests that were run to their end, in that order.
        steps: Steps of each request.
        depth: Most runs within each other.
        marks: What was marked at each step, the requests' names in sorted order.
        errors: What a request raises at its last step.
        heals_after: Runs of it that raise.
    """

    def __init__(
        self,
        pace: PartialPace | None = None,
        suspects: Suspects | None = None,
        model: Infer | None = None,
        max_urgent: int = 1,
    ) -> None:
        self.area = mmap.mmap(-1, SHARED_BYTES)
        self.metrics = Metrics("toy")
        self.now_s = 100.0
        self.runner = ModelRunner(
            model or Stepwise(self._run),
            self.metrics,
            UnderWay(self.area, suspects),
            clock_s=lambda: self.now_s,
            cpu_clock_s=lambda: self.now_s / 2,
        )
        self.results: list[tuple[str, Any]] = []
        self.failures: list[BaseException] = []
        self.batches: list[list[str]] = []
        self.ended: list[str] = []
        self.steps: Counter[str] = Counter()
        self.marks: dict[tuple[str, int], list[str]] = {}
        self.errors: dict[str, Exception] = {}
        self.heals_after = 1_000
        self.depth = 0
        self._running = 0
        self._names: dict[bytes, str] = {}
        self._script: dict[tuple[str, int], list[Callable[[], None]]] = defaultdict(list)
        self.thread = InferenceThread(
            self.runner,
            RequestQueue(2.0, 8, pace=pace or PartialPace(500), max_urgent=max_urgent),
            RETRIES,
            metrics=self.metrics,
            on_result=lambda job, result: self.results.append((job.request.name, result)),  # type: ignore[attr-defined]
            on_failure=self.failures.append,
        )

    @property
    def names(self) -> list[str]:
        """Return the requests that have results, in their order."""
        return [name for name, _ in self.results]

    def count(self, name: str, ending: str = "_total") -> float:
        """Return a counter."""
        found = self.metrics.registry.get_sample_value(
            f"callstream_{name}{ending}", {"agent": "toy"}
        )
        assert found is not None
        return found

    def at(self, name: str, step: int, *jobs: Job) -> None:
        """Ask for requests at a step of another."""
        for each in jobs:
            self.do(name, step, lambda each=each: self.submit(each))  # type: ignore[misc]

    def do(self, name: str, step: int, act: Callable[[], None]) -> None:
        """Have something happen at a step of a request."""
        self._script[name, step].append(act)

    def submit(self, each: Job) -> None:
        """Ask for a request."""
        self._names[each.mark] = each.request.name  # type: ignore[attr-defined]
        self.thread.submit(each)

    def _run(self, requests: Sequence[Any], between_steps: Callable[[], None]) -> Sequence[Any]:
        called = [request.name for request in requests]
        self.batches.append(called)
        self._running += 1
        self.depth = max(self.depth, self._running)
        try:
            for step in range(1, STEPS + 1):
                self._step(called, step)
                between_steps()
            for name in called:
                if name in self.errors and self._runs_of(name) <= self.heals_after:
                    raise self.errors[name]
        finally:
            self._running -= 1
        self.ended += called
        return called

    def _step(self, called: Sequence[str], step: int) -> None:
        self.now_s += STEP_S
        for name in called:
            self.steps[name] = step
            marks = read_marks(self.area)["requests"]
            self.marks[name, step] = sorted(self._names[mark] for mark in marks)
            for act in self._script.pop((name, step), ()):
                act()

    def _runs_of(self, name: str) -> int:
        return sum(name in batch for batch in self.batches)


def played(
    script: Callable[[StepwiseBench], None], *jobs: Job, expected: int, **bench: Any
) -> StepwiseBench:
    """Return the bench once requests have results, or the model has failed.

    Args:
        script: Says what happens at which step.
        jobs: Asked for before the thread starts.
        expected: How many have results.
        bench: See `StepwiseBench`.
    """

    async def play() -> StepwiseBench:
        made = StepwiseBench(**bench)
        script(made)
        for each in jobs:
            made.submit(each)
        made.thread.start()
        await until(lambda: bool(made.failures) or len(made.results) >= expected)
        made.thread.stop()
        return made

    return asyncio.run(play())
