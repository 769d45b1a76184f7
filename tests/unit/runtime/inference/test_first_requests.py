"""What may show the first words of a segment is handed out first, but for finals."""

from stream_app.agents.partial_pace import PartialPace
from stream_app.runtime.inference.queue import Job, RequestQueue
from tests.support.stepwise_bench import early, final, first, names, partial, session

MAX_BATCH = 4


def stretched_pace() -> PartialPace:
    pace = PartialPace(500)
    for at_ms in (0, 500, 1_000):
        pace.note_wait(5_000, at_ms)
    assert pace.is_stretched
    return pace


def taken(queue: RequestQueue) -> list[list[str]]:
    """Return the names of all batches."""
    batches: list[list[str]] = []
    while batch := queue.pop():
        batches.append(names(batch))
    return batches


def asked(owner: str = "x") -> list[Job]:
    """Return requests of many calls, first ones last."""
    calls = [f"{owner}{number}" for number in range(4)]
    return [
        *(partial(f"p {call}", f"p {call}") for call in calls),
        *(early(f"e {call}", f"e {call}") for call in calls[:2]),
        *(first(f"f {call}", f"f {call}") for call in calls),
        final("final", "final"),
    ]


def test_first_requests_go_behind_urgent_ones_and_before_early_and_other_ones() -> None:
    queue = RequestQueue(2.0, MAX_BATCH)
    for job in asked():
        queue.push(job)

    assert taken(queue) == [
        ["final"],
        ["f x0", "f x1", "f x2", "f x3"],
        ["e x0"],
        ["e x1"],
        ["p x0", "p x1", "p x2", "p x3"],
    ]


def test_first_requests_go_first_under_overload_too() -> None:
    queue = RequestQueue(2.0, MAX_BATCH, stretched_pace())
    for job in asked():
        queue.push(job)

    assert taken(queue)[:2] == [["final"], ["f x0", "f x1", "f x2", "f x3"]]


def test_first_requests_without_end_keep_no_other_waiting() -> None:
    """Noise that is taken for speech has no words, and asks for them with every chunk."""
    queue = RequestQueue(2.0, MAX_BATCH, stretched_pace())
    queue.push(partial("p", "p"))
    batches = []
    for number in range(4):
        for call in range(MAX_BATCH):
            queue.push(first(f"f{number}", f"noise {call}"))
        batches.append(names(queue.pop()))

    assert "p" in batches[1]


def test_the_stretched_interval_is_not_waited_for_before_the_first_words() -> None:
    """Each segment shows some within its first two seconds, or is noise."""
    queue, owner = RequestQueue(2.0, MAX_BATCH, stretched_pace()), session()
    batches = []
    for number, make in enumerate((first, first, partial)):
        job = make(f"{number}", "c", owner, arrived_ns=queue.clock_ns())
        queue.push(job)
        batches.append(names(queue.pop()))

    assert batches == [["0"], ["1"], []]
    assert queue.stretched == 0


def test_first_requests_are_shed_as_others_are() -> None:
    now_ns = 100_000_000_000
    queue = RequestQueue(2.0, MAX_BATCH, clock_ns=lambda: now_ns)
    owner = session()
    for name, age_s in (("old", 3), ("new", 1)):
        queue.push(first(name, name, owner, arrived_ns=now_ns - age_s * 1_000_000_000))
    queue.push(first("newer", "new", owner, arrived_ns=now_ns))

    running = final("final", "c")
    assert names(queue.pop_first(2, running)) == ["newer"]
    assert queue.shed == 2
    assert queue.pop() == []


def test_first_requests_of_a_dropped_session_go_before_nobody() -> None:
    queue, owner = RequestQueue(2.0, MAX_BATCH), session()
    queue.push(first("gone", "a", owner))
    queue.push(first("here", "b"))
    owner.drop()

    batch = queue.pop_first(2, final("final", "c"))

    assert [job.call_id for job in batch] == ["b"]
    assert len(queue) == 0
