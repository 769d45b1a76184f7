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
from stream_app.transport.failures import Failure
from stream_app.transport.inference import InferenceThread, Job, RequestQueue
from stream_app.transport.metrics import Metrics
from stream_app.transport.partial_pace import PartialPace
from stream_app.transport.sessions import PartitionSession

NOW_NS = 100_000_000_000
S = 1_000_000_000


@dataclass(frozen=True)
class Request:
    """What the queue looks at, and a name."""

    name: str
    slot: tuple[Any, ...]
    arrived_ns: int = NOW_NS
    audio_ms: int = 1000

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
    """An inference thread with what came of it."""

    def __init__(
        self,
        infer: Callable[[Sequence[Any]], Sequence[Any]],
        pace: PartialPace | None = None,
        max_batch: int = 1,
    ) -> None:
        self.results: list[tuple[str, Any]] = []
        self.metrics = Metrics("toy")
        self.failures: list[BaseException] = []
        self.thread = InferenceThread(
            infer,
            RequestQueue(2.0, pace=pace or PartialPace(500), max_urgent=max_batch),
            self.metrics,
            on_result=lambda job, result: self.results.append((job.request.name, result)),  # type: ignore[attr-defined]
            on_failure=self.failures.append,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the condition is the thread's
                await asyncio.sleep(0.005)


def test_results_come_back_on_the_event_loop() -> None:
    """And the audio no longer counts as pending."""

    async def play() -> Bench:
        bench = Bench(lambda requests: [threading.get_ident() for _ in requests])
        bench.thread.start()
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=session()))
        assert bench.thread.pending_urgent_ms == 1000
        await bench.until(lambda: bool(bench.results))
        bench.thread.stop()
        return bench

    bench = asyncio.run(play())

    assert bench.results[0][0] == "final"
    assert bench.results[0][1] != threading.get_ident()
    assert bench.thread.pending_urgent_ms == 0


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
        await asyncio.sleep(0.05)
        owner.drop()
        bench.thread.forget_dropped()
        bench.thread.submit(job(Request("new", ("a",)), is_urgent=True, owner=session()))
        go.set()
        await bench.until(lambda: bool(bench.results))
        bench.thread.stop()
        return bench

    bench = asyncio.run(play())

    assert [name for name, _ in bench.results] == ["new"]


class Fragile:
    """A model that cannot run some requests.

    Args:
        errors: By the name of the request.
    """

    def __init__(self, **errors: BaseException) -> None:
        self._errors = errors
        self.batches: list[list[str]] = []

    def __call__(self, requests: Sequence[Any]) -> Sequence[Any]:
        """Return the names, or raise the first error."""
        self.batches.append([request.name for request in requests])
        for request in requests:
            if request.name in self._errors:
                raise self._errors[request.name]
        return [request.name for request in requests]


def served(model: Fragile, *jobs: Job) -> Bench:
    """Return the bench once each job has a result, or the model has failed."""

    async def play() -> Bench:
        bench = Bench(model, max_batch=8)
        for each in jobs:
            bench.thread.submit(each)
        bench.thread.start()
        await bench.until(lambda: bool(bench.failures) or len(bench.results) == len(jobs))
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

    assert dict(bench.results) == {"one": "one", "two": "two", "bad": Failure(error)}
    assert model.batches == [["one", "bad", "two"], ["one"], ["bad"], ["two"]]
    assert not bench.failures
    assert bench.thread.pending_urgent_ms == 0


@pytest.mark.parametrize("error", [MemoryError(), OSError("device lost"), BrokerError("later")])
def test_what_is_beyond_repair_ends_the_process(error: Exception) -> None:
    """Or may be well when it is tried again. Nothing is acknowledged."""
    bench = served(Fragile(bad=error), urgent("bad"))

    assert bench.failures == [error]
    assert not bench.results


def test_an_error_that_nobody_knows_fails_the_request_at_first() -> None:
    """A runtime has errors of its own for a request that it does not like."""
    error = RuntimeError("invalid argument")
    model = Fragile(bad=error, again=error)

    bench = served(model, urgent("bad", "a"), urgent("again", "a"), urgent("good", "b"))

    assert dict(bench.results) == {
        "bad": Failure(error), "again": Failure(error), "good": "good"
    }  # fmt: skip
    assert not bench.failures


def test_an_error_that_nobody_knows_on_two_calls_in_a_row_ends_the_process() -> None:
    """Then the model is broken, and not the call."""
    error = RuntimeError("device lost")

    bench = served(Fragile(bad=error, worse=error), urgent("bad", "a"), urgent("worse", "b"))

    assert bench.failures == [error]


def test_a_success_between_two_unknown_errors_says_that_the_model_is_well() -> None:
    error = RuntimeError("invalid argument")
    model = Fragile(bad=error, worse=error)

    bench = served(model, urgent("bad", "a"), urgent("good", "b"), urgent("worse", "c"))

    assert dict(bench.results)["worse"] == Failure(error)
    assert not bench.failures


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
        bench.thread.check(0.1)
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=session()))
        time.sleep(0.3)  # noqa: ASYNC251 - the loop has nothing to do
        with pytest.raises(InferenceError):
            bench.thread.check(0.1)
        go.set()
        await bench.until(lambda: bool(bench.results))
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
        await bench.until(lambda: bench.thread._busy_since > 0)
        for name in ("old", "older", "new"):
            request = Request(name, ("b",), time.monotonic_ns())
            bench.thread.submit(job(request, is_urgent=False, owner=owner))
        go.set()
        await bench.until(lambda: len(bench.results) == 2)
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
        await bench.until(lambda: not pace.is_stretched)
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
        pending = bench.thread.pending_urgent_ms
        go.set()
        await bench.until(lambda: len(bench.results) == 2)
        bench.thread.stop()
        return pending, bench.thread.pending_urgent_ms

    assert asyncio.run(play()) == (2_000, 0)
