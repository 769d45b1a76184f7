"""Finals first, partials only while they are fresh, nothing of a dropped session."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from faust.types import TP

from schemas.errors import InferenceError
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
    ) -> None:
        self.results: list[tuple[str, Any]] = []
        self.metrics = Metrics("toy")
        self.failures: list[BaseException] = []
        self.thread = InferenceThread(
            infer,
            RequestQueue(2.0, pace=pace or PartialPace(500)),
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


def test_an_exception_of_the_model_is_reported() -> None:
    """The process is to end without acknowledging."""

    def infer(_: Sequence[Any]) -> Sequence[Any]:
        raise InferenceError("broken")

    async def play() -> Bench:
        bench = Bench(infer)
        bench.thread.start()
        bench.thread.submit(job(Request("final", ("a",)), is_urgent=True, owner=session()))
        await bench.until(lambda: bool(bench.failures))
        return bench

    assert [str(failure) for failure in asyncio.run(play()).failures] == ["broken"]


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
