"""Silent calls are closed in time, whatever else their partition holds, by an injected clock."""

import time
from dataclasses import dataclass

import pytest

from stream_app.agents.definition import StallPolicy
from stream_app.runtime.stalls import MAX_MARKERS, StallWatch
from tests.support.calls.silent_calls import Partition, SilenceWorker, marker_of

POLICY = StallPolicy(15, 600, 3_600, marker_of)
MANY = 5_000


@dataclass
class Call:
    """What a call shows."""

    chunks_taken: int = 7
    is_on_hold: bool = False


def watch_of(call: Call, at_s: float = 0.0) -> StallWatch:
    watch = StallWatch(POLICY)
    watch.hear("c", call, fed_s=at_s, heard_s=at_s)
    return watch


def test_a_silent_call_stalls_and_then_goes_stale() -> None:
    """Once each; what is still there after that is told again, in case the marker was void."""
    watch = watch_of(Call())

    told = {now: [s for _, s in watch.due(now)] for now in (14.9, 15, 599, 600, 1_199, 1_200)}

    assert told == {14.9: [], 15: ["stall"], 599: [], 600: ["stale"], 1_199: [], 1_200: ["stale"]}


def test_audio_starts_the_count_afresh() -> None:
    """And both stages may come again."""
    watch = watch_of(Call())
    assert [*watch.due(15)] == [("c", "stall")]

    watch.hear("c", Call(8), fed_s=20, heard_s=20)

    assert [*watch.due(34)] == []
    assert [*watch.due(35)] == [("c", "stall")]
    assert [*watch.due(619)] == []
    assert [*watch.due(620)] == [("c", "stale")]


def test_what_is_no_audio_starts_nothing_afresh() -> None:
    """A key pressed, a marker, a chunk sent twice."""
    watch = watch_of(Call())

    watch.hear("c", Call(), fed_s=10, heard_s=10)

    assert [*watch.due(15)] == [("c", "stall")]


def test_a_call_on_hold_stalls_in_time_and_goes_stale_by_a_limit_of_its_own() -> None:
    call = Call()
    watch = watch_of(call)
    call.is_on_hold = True
    watch.hear("c", call, fed_s=5, heard_s=5)

    assert [*watch.due(15)] == [("c", "stall")]
    assert [*watch.due(3_604)] == []
    assert [*watch.due(3_605)] == [("c", "stale")]


@pytest.mark.parametrize("held_s", [5, 20])
def test_the_end_of_a_hold_is_a_sign_of_life(held_s: float) -> None:
    """The gateway is given its time to send audio, and no more than that."""
    call = Call()
    watch = watch_of(call)
    for at_s, is_on_hold in ((held_s, True), (2_000, False)):
        assert {stage for _, stage in watch.due(at_s)} <= {"stall"}
        call.is_on_hold = is_on_hold
        watch.hear("c", call, fed_s=at_s, heard_s=at_s)

    assert [*watch.due(2_599)] == []
    assert [*watch.due(2_600)] == [("c", "stale")]


def test_a_forgotten_call_is_not_told_of() -> None:
    watch = watch_of(Call())
    assert [*watch.due(15)] == [("c", "stall")]

    watch.forget("c")

    assert [*watch.due(10_000)] == []
    assert len(watch) == 0


def test_many_open_calls_cost_a_look_nothing() -> None:
    """The loop has calls to serve: only those that are due take time."""
    watch = StallWatch(POLICY)
    for number in range(MANY):
        watch.hear(str(number), Call(), fed_s=float(number) / MANY, heard_s=0.0)
    began_s = time.process_time()
    for _ in range(1_000):
        assert [*watch.due(14.0)] == []

    assert time.process_time() - began_s < 1.0  # a look at each call takes 1 ms at the very least
    assert len([*watch.due(17.0)]) == MANY


def serve(worker: SilenceWorker, seconds: int, *live: str) -> None:
    """Let calls send a chunk a second while the worker keeps up."""
    partition = worker.partition
    for _ in range(seconds):
        partition.now_s += 1
        for call_id in live:
            partition.append(call_id, "chunk", int(partition.now_s))
        worker.fetch()
        worker.feed(1_000)
        worker.look()


def kinds(partition: Partition, call_id: str) -> list[str]:
    return [entry.kind for entry, _ in partition.markers if entry.call_id == call_id]


def test_a_dead_call_is_closed_while_others_on_its_partition_are_live() -> None:
    """And everything can be committed then."""
    partition = Partition(POLICY)
    worker = partition.start()
    serve(worker, 20, "dead", "live")
    serve(worker, 620, "live")

    assert kinds(partition, "dead") == ["stall", "stale"]
    assert kinds(partition, "live") == []
    assert worker.session.machines.keys() == {"live"}


def test_thousands_that_fall_silent_at_once_are_told_over_some_looks() -> None:
    """The loop has other calls to serve."""
    partition = Partition(POLICY)
    worker = partition.start()
    worker.fetch()
    for number in range(1_000):
        partition.append(str(number), "chunk", 0)
    serve(worker, 17)
    assert 0 < len(partition.markers) <= 2 * MAX_MARKERS

    serve(worker, 10)

    assert len({entry.call_id for entry, _ in partition.markers}) == 1_000


def test_audio_that_stands_unread_in_the_log_keeps_a_call_open() -> None:
    """The worker read nothing for a minute; the gateway never stopped."""
    partition = Partition(POLICY)
    worker = partition.start()
    serve(worker, 20, "c")
    for _ in range(60):
        partition.now_s += 1
        partition.append("c", "chunk", int(partition.now_s))
        worker.fetch()
        worker.look()
    serve(worker, 20, "c")

    assert partition.markers == []


def test_without_an_answer_of_the_brokers_no_call_is_silent() -> None:
    """Nobody knows what stands in the log."""
    partition = Partition(POLICY)
    worker = partition.start()
    serve(worker, 20, "c")
    for _ in range(60):
        partition.now_s += 1
        partition.append("c", "chunk", int(partition.now_s))
        worker.feed(1_000)
        worker.look()
    serve(worker, 20, "c")

    assert partition.markers == []


def test_a_call_restored_with_nothing_to_read_again_goes_stale_in_time() -> None:
    """Five restarts, each within the limit, do not keep it open."""
    partition = Partition(POLICY)
    worker = partition.start()
    serve(worker, 20, "dead")
    for _ in range(5):
        serve(worker, 100, "live")
        worker = partition.start()
    serve(worker, 140, "live")

    assert kinds(partition, "dead") == ["stall", "stale"]


def test_a_call_on_hold_lives_through_restarts() -> None:
    partition = Partition(POLICY)
    worker = partition.start()
    serve(worker, 20, "held")
    partition.append("held", "held")
    serve(worker, 1_000, "live")
    worker = partition.start()
    serve(worker, 1_000, "live")
    assert kinds(partition, "held") == ["stall"]

    serve(worker, 2_000, "live")

    assert kinds(partition, "held") == ["stall", "stale"]
