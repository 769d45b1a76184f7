"""What is under way is marked while a run gives way to another; suspects are run alone."""

from collections import Counter

import pytest

from stream_app.runtime.inference.interruptions import GivenUpError
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.inference.runs import GIVEN_UP
from stream_app.runtime.memory.under_way import Suspects, read_marks
from tests.support.stepwise_bench import StepwiseBench, early, final, first, played


def test_while_a_run_waits_for_another_both_are_marked() -> None:
    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, final("final", "z"), *(first(f"f{n}", f"c{n}") for n in range(4)))

    bench = played(script, early("early", "c"), expected=6)

    assert bench.batches == [["early"], ["final"], ["f0", "f1"], ["f2", "f3"]]
    for step in range(1, 7):
        assert bench.marks["early", step] == ["early"]
        assert bench.marks["final", step] == ["early", "final"]
        assert bench.marks["f1", step] == ["early", "f0", "f1"]
    assert read_marks(bench.area)["requests"] == ()


@pytest.mark.parametrize("calls", [1, 3])
def test_a_request_that_fails_within_another_run_leaves_that_marked(calls: int) -> None:
    asked = [first(f"f{n}", f"call {n}") for n in range(calls)]

    def script(bench: StepwiseBench) -> None:
        bench.errors["f0"] = ValueError("bad")
        bench.at("final", 1, *asked)

    bench = played(script, final("final", "c"), expected=calls + 1)

    assert all(bench.marks["final", step] == ["final"] for step in range(1, 7))
    assert bench.marks["f0", 6] == ["f0", "final"]  # the batch failed; it is alone again
    assert read_marks(bench.area)["requests"] == ()


def test_what_ends_the_process_within_a_run_leaves_the_marks_of_both() -> None:
    within, outer = first("f", "b"), final("final", "c")

    def script(bench: StepwiseBench) -> None:
        bench.errors["f"] = OSError("device lost")
        bench.at("final", 1, within)

    bench = played(script, outer, expected=1)

    assert bench.failures
    assert Counter(read_marks(bench.area)["requests"]) == Counter([within.mark, outer.mark])


def test_a_run_that_is_given_up_leaves_no_marks() -> None:
    given_up = early("early", "c")

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, first("newer", "c", given_up.session))

    bench = played(script, given_up, expected=1)

    assert bench.marks["newer", 1] == ["newer"]
    assert read_marks(bench.area)["requests"] == ()


def test_nor_before_anything_else_is_run() -> None:
    bench = StepwiseBench()
    given_up = early("early", "c")
    bench.submit(given_up)

    def give_up(running: Job) -> None:
        assert running is given_up
        raise GivenUpError

    assert bench.runner.run([given_up], give_up) == [GIVEN_UP]
    assert read_marks(bench.area)["requests"] == ()


@pytest.mark.parametrize("suspected", ["early", "final", "elsewhere"])
def test_while_there_are_suspects_no_run_gives_way(suspected: str) -> None:
    """Neither one of them, nor to one of them, nor others: a turn waits for those that work."""
    suspect = {"early": early("early", "c"), "final": final("final", "b")}
    jobs = suspect | {"elsewhere": final("elsewhere", "z")}

    def script(bench: StepwiseBench) -> None:
        bench.at("early", 1, jobs["final"], first("f", "a"))

    suspects = Suspects(suspected=(jobs[suspected].mark.hex(),))
    bench = played(script, jobs["early"], expected=3, suspects=suspects)

    assert bench.batches == [["early"], ["final"], ["f"]]
    assert bench.ended[0] == "early"
    assert bench.depth == (2 if suspected == "early" else 1)  # then there are none any more


def test_a_suspect_once_run_keeps_nobody_from_giving_way() -> None:
    suspect = final("suspect", "b")

    def script(bench: StepwiseBench) -> None:
        bench.at("suspect", 1, first("f", "a"))
        bench.at("suspect", 2, final("next", "d"))
        bench.at("next", 2, first("g", "e"))

    suspects = Suspects(suspected=(suspect.mark.hex(),))
    bench = played(script, suspect, expected=4, suspects=suspects)

    assert bench.batches == [["suspect"], ["next"], ["f"], ["g"]]
    assert bench.ended == ["suspect", "f", "g", "next"]
