"""Long runs give way to what should not wait, and are given up when nobody needs them."""

import asyncio
from collections import Counter

import pytest

from stream_app.agents.partial_pace import PartialPace
from stream_app.calls.inference import Failed
from stream_app.runtime.inference.interruptions import MAX_RUNS, MAX_S, GivenUpError, Interruptions
from stream_app.runtime.inference.queue import RequestQueue
from stream_app.runtime.memory.sessions import PartitionSession
from tests.support.stepwise_bench import (
    STEP_S,
    STEPS,
    StepwiseBench,
    early,
    final,
    first,
    job,
    names,
    partial,
    played,
    session,
)
from tests.support.waiting import until


def test_first_partials_of_many_calls_are_run_and_told_while_a_final_is_searched() -> None:
    """Two at a time, in the order of their input."""

    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, *(first(f"f{n}", f"call {n}") for n in range(5)))

    bench = played(script, final("final", "call 9"), expected=6)

    assert bench.batches == [["final"], ["f0", "f1"], ["f2", "f3"], ["f4"]]
    assert bench.ended == ["f0", "f1", "f2", "f3", "f4", "final"]
    assert bench.names == bench.ended
    assert bench.count("interruptions") == 3
    assert bench.thread.unfinished == 0


def test_a_final_gives_way_a_few_times_and_then_goes_on() -> None:
    """The rest waits as it did before."""
    asked = [first(f"f{n}", f"call {n}") for n in range(3 * MAX_RUNS)]

    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, *asked)

    bench = played(script, final("final", "c"), expected=len(asked) + 1)

    assert bench.ended.index("final") == 2 * MAX_RUNS
    assert bench.count("interruptions") == MAX_RUNS
    assert Counter(bench.ended) == Counter([*names(asked), "final"])


def test_a_run_that_gave_way_for_long_goes_on() -> None:
    owner = session()
    queue = RequestQueue(2.0)
    interruptions = Interruptions(queue)
    running = final("final", "c", owner)
    queue.push(first("one", "a", owner))
    queue.push(first("two", "b", owner))
    queue.push(first("three", "d", owner))

    assert len(interruptions.next_batch(running)) == 2
    interruptions.note_run(MAX_S)

    assert interruptions.next_batch(running) == []
    assert len(queue) == 1


def test_a_final_gives_way_to_nothing_but_first_partials() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, partial("p", "a"), early("e", "b"))
        bench.at("final", 2, final("other", "d"))

    bench = played(script, final("final", "c"), expected=4)

    assert bench.ended == ["final", "other", "e", "p"]
    assert bench.count("interruptions") == 0


def test_no_partial_goes_before_a_final_that_waits() -> None:
    """Also of the calls of dropped sessions there is none to wait for."""
    dropped = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("one", 1, final("two", "a"), first("f", "b"))
        bench.at("two", 1, final("gone", "d", dropped), first("g", "e"))
        bench.do("two", 1, dropped.drop)

    bench = played(script, final("one", "c"), expected=4)

    assert bench.ended == ["one", "f", "g", "two"]


def test_a_final_and_a_first_partial_do_not_wait_for_an_early_one() -> None:
    """Not even a final that is called as the early one's, of another call."""
    other = final("final", "d", identity="early")

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, partial("p", "a"), first("f", "b"), other)
        bench.at("early", 1, early("later", "g"))

    bench = played(script, early("early", "c"), expected=5)

    assert bench.ended == ["final", "f", "early", "later", "p"]
    assert bench.depth == 2


def test_what_a_run_gives_way_to_gives_way_to_nothing() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("final", "a"))
        bench.at("final", 1, first("f", "b"))

    bench = played(script, early("early", "c"), expected=3)

    assert bench.ended == ["final", "f", "early"]
    assert bench.depth == 2


def test_an_early_run_whose_final_waits_for_it_is_run_as_that_final() -> None:
    """It is neither given up nor put off by finals, and its own is not decoded beside it."""
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("own", "c", owner, identity="early"), final("two", "a"))
        bench.at("early", 2, first("next", "c", owner))
        bench.at("two", 1, first("f", "b"))

    bench = played(script, early("early", "c", owner), expected=5)

    assert bench.ended[:2] == ["early", "own"]
    assert bench.batches[2:] == [["two"], ["f", "next"]]
    assert bench.count("given_up_searches") == 0


def test_an_early_run_whose_final_waits_gives_way_to_first_partials_of_others() -> None:
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("own", "c", owner, identity="early"), first("f", "b"))

    bench = played(script, early("early", "c", owner), expected=3)

    assert bench.ended == ["f", "early", "own"]


def test_finals_that_are_run_together_give_way_to_nothing() -> None:
    """Nobody could say which of them may be given up."""

    def script(bench: StepwiseBench) -> None:
        bench.at("one", 1, first("f", "b"))

    bench = played(script, final("one", "c"), final("two", "d"), expected=3, max_urgent=8)

    assert bench.ended == ["one", "two", "f"]


@pytest.mark.parametrize("is_first", [True, False])
def test_partials_give_way_to_nothing(is_first: bool) -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("p", 1, first("f", "b"))
        bench.at("p", 2, early("e", "d"))
        bench.at("p", 3, final("final", "a"))

    bench = played(script, job("p", "c", is_first=is_first), expected=4)

    assert bench.ended[0] == "p"
    assert bench.batches == [["p"], ["final"], ["f"], ["e"]]


def test_under_overload_requests_are_run_one_after_another() -> None:
    pace = PartialPace(500)
    for at_ms in (0, 500, 1_000):
        pace.note_wait(5_000, at_ms)

    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, *(first(f"f{n}", f"call {n}") for n in range(3)))

    bench = played(script, final("final", "c"), expected=4, pace=pace)

    assert bench.ended[0] == "final"
    assert bench.count("interruptions") == 0


def test_an_early_run_is_given_up_for_a_newer_request_of_its_slot() -> None:
    """At the next step; that one is run, and others are not touched."""
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 2, partial("newer", "c", owner), partial("p", "a"))
        bench.at("early", 2, early("e", "b"))

    bench = played(script, early("early", "c", owner), expected=3)

    assert bench.steps["early"] == 2
    assert "early" not in bench.ended
    assert Counter(bench.names) == {"newer": 1, "p": 1, "e": 1}
    assert bench.count("given_up_searches") == 1
    assert bench.thread.unfinished == 0
    assert bench.thread.dropped == 0


def test_an_early_run_is_given_up_when_its_segment_ends_otherwise() -> None:
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("longer", "c", owner))

    bench = played(script, early("early", "c", owner), expected=1)

    assert bench.ended == ["longer"]


def test_requests_of_other_slots_give_nothing_up() -> None:
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, partial("p", "c", session()), partial("q", "d", owner))

    bench = played(script, early("early", "c", owner), expected=3)

    assert bench.ended == ["early", "p", "q"]


def test_a_newer_request_that_is_not_due_gives_nothing_up() -> None:
    """Else there would be neither."""
    now_ns = [1_000_000_000]
    pace = PartialPace(500)
    for at_ms in (0, 500, 1_000):
        pace.note_wait(5_000, at_ms)
    queue = RequestQueue(2.0, pace=pace, clock_ns=lambda: now_ns[0])
    owner = session()
    queue.push(partial("served", "c", owner, arrived_ns=now_ns[0]))
    assert len(queue.pop()) == 1
    running = early("early", "c", owner)
    interruptions = Interruptions(queue)

    queue.push(partial("soon", "c", owner, arrived_ns=now_ns[0] + 1_000_000))
    assert interruptions.next_batch(running) == []

    now_ns[0] += 5_000_000_000
    queue.push(partial("due", "c", owner, arrived_ns=now_ns[0]))
    with pytest.raises(GivenUpError):
        interruptions.next_batch(running)


def test_a_final_is_never_given_up() -> None:
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, partial("newer", "c", owner), first("first", "c", owner))
        bench.at("final", 2, final("next", "c", owner))

    bench = played(script, final("final", "c", owner), expected=2)

    assert bench.ended[:2] == ["final", "next"]


@pytest.mark.parametrize("calls", [1, 6])
def test_a_request_that_fails_within_another_run_fails_alone(calls: int) -> None:
    asked = [first(f"f{n}", f"call {n}") for n in range(calls)]

    def script(bench: StepwiseBench) -> None:
        bench.errors["f0"] = ValueError("bad")
        bench.at("final", 1, *asked)

    bench = played(script, final("final", "c"), expected=calls + 1)

    results = dict(bench.results)
    assert results.pop("f0") == Failed("ValueError: bad")
    assert all(result == name for name, result in results.items())
    assert bench.names[-1] == "final"
    assert not bench.failures


def test_what_is_beyond_repair_within_another_run_ends_the_process() -> None:
    error = MemoryError()

    def script(bench: StepwiseBench) -> None:
        bench.errors["f"] = error
        bench.at("final", 1, first("f", "b"))

    bench = played(script, final("final", "c"), expected=1)

    assert bench.failures == [error]
    assert not bench.results


def test_a_retried_final_of_a_run_within_another_comes_later() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.errors["final"] = ConnectionError("away")
        bench.heals_after = 1
        bench.at("early", 1, final("final", "b"))

    bench = played(script, early("early", "c"), expected=2)

    assert dict(bench.results) == {"final": "final", "early": "early"}
    assert bench.count("retried_requests") == 1
    assert bench.thread.unfinished == 0


def test_a_stopping_thread_gives_way_to_nothing() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("final", 1, first("f", "b"))
        bench.do("final", 1, bench.thread.stop)

    bench = played(script, final("final", "c"), expected=1)

    assert bench.ended == ["final"]


def test_a_thread_that_is_stopped_within_a_run_ends_after_the_outer_one() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("final", "b"), first("f", "a"))
        bench.do("final", 1, bench.thread.stop)

    bench = played(script, early("early", "c"), expected=2)

    assert bench.ended == ["final", "early"]


@pytest.mark.parametrize("lost", ["outer", "inner"])
def test_results_of_a_session_lost_within_a_run_are_discarded(lost: str) -> None:
    """Of those that still hold they are told."""
    owners: dict[str, PartitionSession] = {"outer": session(), "inner": session()}

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("final", "b", owners["inner"]))
        bench.do("final", 1, owners[lost].drop)
        bench.at("early", 2, first("f", "a"))

    bench = played(script, early("early", "c", owners["outer"]), expected=2)

    assert bench.ended == ["final", "f", "early"]
    assert bench.names == (["final", "f"] if lost == "outer" else ["f", "early"])
    assert bench.thread.unfinished == 0


def test_the_watchdog_sees_the_innermost_run_and_holds_none_against_another() -> None:
    seen: list[float] = []

    def script(bench: StepwiseBench) -> None:
        def note() -> None:
            seen.append(bench.runner.busy_since_s)

        bench.do("early", 1, note)
        bench.at("early", 1, final("final", "b"))
        bench.do("final", 4, note)
        bench.do("early", 2, note)

    bench = played(script, early("early", "c"), expected=2)

    assert seen == [100.0, 100.0 + STEP_S, 100.0 + STEPS * STEP_S]
    assert bench.runner.busy_since_s == 0.0


def test_time_is_measured_once() -> None:
    """Also that of a run that was given up."""
    owner = session()

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("final", "b"), first("f", "a"))
        bench.at("early", 3, partial("newer", "c", owner))

    bench = played(script, early("early", "c", owner), expected=3)

    steps = 3 * STEPS + 3
    assert bench.count("inference_seconds_count", "") == 4
    assert bench.count("inference_seconds_sum", "") == pytest.approx(steps * STEP_S)
    assert bench.count("inference_cpu_seconds") == pytest.approx(steps * STEP_S / 2)


def test_a_function_without_steps_keeps_working() -> None:
    async def play() -> StepwiseBench:
        bench = StepwiseBench(model=lambda requests: [request.name for request in requests])
        for each in (early("e", "a"), final("final", "b"), first("f", "c"), partial("p", "d")):
            bench.thread.submit(each)
        bench.thread.start()
        await until(lambda: len(bench.results) == 4)
        bench.thread.stop()
        return bench

    assert asyncio.run(play()).names == ["final", "f", "e", "p"]
