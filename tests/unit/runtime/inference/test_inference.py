"""Finals first, partials only while they are fresh, nothing of a dropped session."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from faust.types import TP

from schemas.errors import AudioFormatError, BrokerError, InferenceError
from stream_app.agents.partial_pace import PartialPace
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.inference import Failed
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import ModelRunner
from stream_app.runtime.inference.thread import InferenceThread
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.memory.under_way import UnderWay
from tests.support.waiting import until

NOW_NS = 100_000_000_000
S = 1_000_000_000
NO_RETRY = RetryPolicy(max_attempts=1, first_backoff_s=1.0, max_backoff_s=1.0)


@dataclass(frozen=True)
class Request:
    """What the queue looks at, and a name."""

    name: str
    slot: tuple[Any, ...]
    arrived_ns: int = NOW_NS
    cost: int = 1000

    @property
    def identity(self) -> tuple[str]:
        """Tells it from every other one."""
        return (self.name,)


def session() -> PartitionSession:
    return PartitionSession(TP("t", 0), 1, lambda _: None)


def queue(max_batch: int = 1) -> RequestQueue:
    return RequestQueue(2.0, max_batch, max_urgent=max_batch, clock_ns=lambda: NOW_NS)


def names(jobs: Sequence[Job]) -> list[str]:
    return [job.request.name for job in jobs]  # type: ignore[attr-defined]


def job(request: Request, *, is_urgent: bool, owner: PartitionSession) -> Job:
    return Job(owner, "c", request, is_urgent, arrived_ns=request.arrived_ns)


def test_urgent_requests_go_first_as_their_input_came() -> None:
    """A final of older audio goes before a newer one, and both before any partial."""
    pending, owner = queue(max_batch=5), session()
    pending.push(job(Request("partial", ("a",)), is_urgent=False, owner=owner))
    pending.push(job(Request("late", ("b",), NOW_NS), is_urgent=True, owner=owner))
    pending.push(job(Request("early", ("c",), NOW_NS - S), is_urgent=True, owner=owner))

    assert names(pending.pop()) == ["early", "late"]
    assert names(pending.pop()) == ["partial"]
    assert pending.pop() == []


def test_a_newer_partial_replaces_the_older_one_of_its_slot() -> None:
    """Of its slot only; what is dropped is counted."""
    pending, owner = queue(max_batch=5), session()
    for name, slot in (("old", ("a",)), ("other", ("b",)), ("new", ("a",))):
        pending.push(job(Request(name, slot), is_urgent=False, owner=owner))

    assert sorted(names(pending.pop())) == ["new", "other"]
    assert pending.shed == 1


def test_a_final_replaces_the_partial_of_its_slot() -> None:
    """It supersedes every partial of its segment."""
    pending, owner = queue(max_batch=5), session()
    pending.push(job(Request("partial", ("a",)), is_urgent=False, owner=owner))
    pending.push(job(Request("final", ("a",)), is_urgent=True, owner=owner))

    assert names(pending.pop()) == ["final"]
    assert len(pending) == 0


def test_partials_of_old_audio_are_shed_and_finals_never() -> None:
    """A backlog is worked off by finals alone."""
    pending, owner = queue(), session()
    pending.push(job(Request("stale", ("a",), NOW_NS - 3 * S), is_urgent=False, owner=owner))
    pending.push(job(Request("final", ("b",), NOW_NS - 90 * S), is_urgent=True, owner=owner))

    assert names(pending.pop()) == ["final"]
    assert pending.pop() == []
    assert pending.shed == 1


def test_requests_of_a_dropped_session_are_discarded() -> None:
    """Urgent or not."""
    pending, owner = queue(max_batch=5), session()
    pending.push(job(Request("final", ("a",)), is_urgent=True, owner=owner))
    pending.push(job(Request("partial", ("b",)), is_urgent=False, owner=owner))
    owner.drop()

    assert pending.pop() == []


class Bench:
    """An inference thread, its results and how it failed."""

    def __init__(
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        pace: PartialPace | None = None,
        max_batch: int = 1,
        retries: RetryPolicy = NO_RETRY,
    ) -> None:
        self.results: list[tuple[str, Any]] = []
        self.metrics = Metrics("toy")
        self.failures: list[BaseException] = []
        self.thread = InferenceThread(
            ModelRunner(infer, self.metrics, UnderWay()),
            RequestQueue(2.0, pace=pace or PartialPace(500), max_urgent=max_batch),
            retries,
            metrics=self.metrics,
            on_result=lambda job, result: self.results.append((job.request.name, result)),  # type: ignore[attr-defined]
            on_failure=self.failures.append,
        )


def test_results_come_back_on_the_event_loop() -> None:
    """And the audio no longer counts as pending."""

    async def play() -> Bench:
        bench = Bench(lambda requests: [threading.get_ident() for _ in requests])
        bench.thread.start()
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=session()))
        assert bench.thread.unfinished_cost == 1000
        await until(lambda: bool(bench.results))
        bench.thread.stop()
        return bench

    bench = asyncio.run(play())

    assert bench.results[0][0] == "final"
    assert bench.results[0][1] != threading.get_ident()
    assert bench.thread.unfinished_cost == 0


def test_a_result_for_a_session_dropped_meanwhile_is_discarded() -> None:
    """It must be neither produced nor acknowledged."""
    owner, go = session(), threading.Event()

    def infer(requests: Sequence[Any]) -> Sequence[Any]:
        go.wait(5)
        return requests

    async def play() -> Bench:
        bench = Bench(infer)
        bench.thread.start()
        bench.thread.submit(job(Request("old", ("a",)), is_urgent=True, owner=owner))
        await until(lambda: bench.thread._runner.busy_since_s > 0)
        owner.drop()
        bench.thread.forget_dropped()
        bench.thread.submit(job(Request("new", ("a",)), is_urgent=True, owner=session()))
        go.set()
        await until(lambda: bool(bench.results))
        bench.thread.stop()
        return bench

    bench = asyncio.run(play())

    assert [name for name, _ in bench.results] == ["new"]


class Fragile:
    """A model that cannot run some requests.

    Args:
        errors: By the name of the request.

    Attributes:
        recovers_after: Runs in which they occur.
    """

    def __init__(self, **errors: BaseException) -> None:
        self._errors = errors
        self.recovers_after = 1_000
        self.batches: list[list[str]] = []

    def __call__(self, requests: Sequence[Any]) -> Sequence[Any]:
        """Return the names, or raise the first error."""
        self.batches.append([request.name for request in requests])
        for request in requests:
            if request.name in self._errors and len(self.batches) <= self.recovers_after:
                raise self._errors[request.name]
        return [request.name for request in requests]


def served(model: Fragile, *jobs: Job, retries: RetryPolicy = NO_RETRY) -> Bench:
    """Return the bench once each job has a result, or the model has failed."""

    async def play() -> Bench:
        bench = Bench(model, max_batch=8, retries=retries)
        for each in jobs:
            bench.thread.submit(each)
        bench.thread.start()
        await until(lambda: bool(bench.failures) or len(bench.results) == len(jobs))
        bench.thread.stop()
        return bench

    return asyncio.run(play())


def urgent(name: str, call_id: str = "c") -> Job:
    return Job(session(), call_id, Request(name, (name,)), is_urgent=True)


@pytest.mark.parametrize(
    "error",
    [
        InferenceError("no such language"),
        AudioFormatError("not mono"),
        ValueError("shape"),
        TypeError("none"),
        KeyError("xx"),
        IndexError("token"),
        ZeroDivisionError(),
        UnicodeDecodeError("utf-8", b"", 0, 1, "bad"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_request_that_cannot_be_run_fails_alone(error: Exception) -> None:
    """The others of its batch are run one by one, and the process goes on."""
    model = Fragile(bad=error)

    bench = served(model, urgent("one"), urgent("bad"), urgent("two"))

    results = dict(bench.results)
    assert results.pop("bad") == Failed(f"{type(error).__name__}: {error}".removesuffix(": "))
    assert results == {"one": "one", "two": "two"}
    assert model.batches == [["one", "bad", "two"], ["one"], ["bad"], ["two"]]
    assert not bench.failures
    assert bench.thread.unfinished_cost == 0


@pytest.mark.parametrize("error", [MemoryError(), OSError("device lost"), FileNotFoundError("w")])
def test_what_is_beyond_repair_ends_the_process(error: Exception) -> None:
    """Nothing is acknowledged."""
    bench = served(Fragile(bad=error), urgent("bad"))

    assert bench.failures == [error]
    assert not bench.results


PASSING = [
    BrokerError("later"),
    ConnectionRefusedError("no back-end"),
    TimeoutError("slow back-end"),
    RuntimeError("of a client library"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_failure_that_may_pass_ends_no_process(error: Exception) -> None:
    """However many calls it meets, one after another: a back-end may be away for minutes."""
    bad = [urgent(str(number), f"call {number}") for number in range(20)]
    model = Fragile(**{str(number): error for number in range(20)})

    bench = served(model, *bad, urgent("good"))

    results = dict(bench.results)
    assert results.pop("good") == "good"
    assert set(results.values()) == {Failed(f"{type(error).__name__}: {error}", retryable=True)}
    assert not bench.failures


def test_a_failure_that_passes_costs_nobody_anything() -> None:
    """The request is run again, beside the others, and has its result."""
    model = Fragile(bad=ConnectionResetError())
    model.recovers_after = 5  # the batch, each alone, and two retries
    retries = RetryPolicy(max_attempts=4, first_backoff_s=0.001, max_backoff_s=0.002)

    bench = served(model, urgent("bad"), urgent("good"), retries=retries)

    assert dict(bench.results) == {"bad": "bad", "good": "good"}
    assert bench.metrics.retried_requests._value.get() == 3
    assert bench.thread.unfinished_cost == 0


def test_a_wrong_number_of_results_fails_each_request_of_its_own() -> None:
    class Short(Fragile):
        def __call__(self, requests: Sequence[Any]) -> Sequence[Any]:
            return super().__call__(requests)[:1] if len(requests) > 1 else requests

    bench = served(Short(), urgent("one"), urgent("two"))

    assert sorted(name for name, _ in bench.results) == ["one", "two"]
    assert not bench.failures


def test_a_model_that_does_not_finish_is_noticed() -> None:
    """The watchdog ends the process."""
    go = threading.Event()

    def infer(requests: Sequence[Any]) -> Sequence[Any]:
        go.wait(5)
        return requests

    async def play() -> None:
        bench = Bench(infer)
        bench.thread.start()
        bench.thread.check(0.0)
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=session()))
        await until(lambda: bench.thread._runner.busy_since_s > 0)
        with pytest.raises(InferenceError):
            bench.thread.check(0.0)
        go.set()
        await until(lambda: bool(bench.results))
        bench.thread.stop()

    asyncio.run(play())


def test_what_is_shed_while_the_model_works_is_counted() -> None:
    """Requests that were replaced between two batches used to be missing from the metric."""
    go = threading.Event()

    def infer(requests: Sequence[Any]) -> Sequence[Any]:
        go.wait(5)
        return requests

    async def play() -> Bench:
        bench, owner = Bench(infer), session()
        bench.thread.start()
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=owner))
        await until(lambda: bench.thread._runner.busy_since_s > 0)
        for name in ("old", "older", "new"):
            request = Request(name, ("b",), time.monotonic_ns())
            bench.thread.submit(job(request, is_urgent=False, owner=owner))
        go.set()
        await until(lambda: len(bench.results) == 2)
        bench.thread.stop()
        return bench

    bench = asyncio.run(play())

    assert [name for name, _ in bench.results] == ["final", "new"]
    assert bench.metrics.shed_requests._value.get() == 2
    assert bench.metrics.partial_interval_s._value.get() == 0.5


def test_a_stretched_interval_comes_back_while_nothing_is_asked() -> None:
    """The first partial of the next speaker is not to wait for the load of a minute ago."""
    pace = PartialPace(100)
    for at_ms in (0, 100, 200):
        pace.note_wait(1_000, at_ms)
    assert pace.is_stretched

    async def play() -> None:
        bench = Bench(lambda requests: requests, pace)
        bench.thread.start()
        await until(lambda: not pace.is_stretched)
        bench.thread.stop()

    asyncio.run(play())


def test_kept_requests_count_as_pending_audio() -> None:
    """They are never shed, so reading has to stop while there are too many."""
    go = threading.Event()

    def infer(requests: Sequence[Any]) -> Sequence[Any]:
        go.wait(5)
        return requests

    async def play() -> tuple[int, int]:
        bench = Bench(infer)
        bench.thread.start()
        for name in ("one", "two"):
            kept = Job(session(), "c", Request(name, ("a",)), is_urgent=False, is_kept=True)
            bench.thread.submit(kept)
        pending = bench.thread.unfinished_cost
        go.set()
        await until(lambda: len(bench.results) == 2)
        bench.thread.stop()
        return pending, bench.thread.unfinished_cost

    assert asyncio.run(play()) == (2_000, 0)
