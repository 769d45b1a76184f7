"""Whatever fails whenever: every request is done once, none waits for another's retry."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.inference import Failed
from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.inference.runs import finished
from stream_app.runtime.memory.sessions import PartitionSession

S = 1_000_000_000
TICK_NS = S // 10
RETRIES = RetryPolicy(max_attempts=4, first_backoff_s=0.5, max_backoff_s=1.5)
LONGEST_WAIT_S = 0.5 + 1.0 + 1.5
PASSING, LASTING = Failed("away", retryable=True), Failed("wrong")


@dataclass(frozen=True)
class Request:
    """A request that fails some times, then is answered, or fails once and for good."""

    number: int
    slot: tuple[Any, ...]
    failures: int
    is_hopeless: bool
    cost: int = 100

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one."""
        return (self.number,)


@dataclass(frozen=True)
class Ask:
    """A call asks."""

    call: int
    failures: int
    is_hopeless: bool
    kind: str


STEPS = st.lists(
    st.builds(
        Ask,
        call=st.integers(0, 3),
        failures=st.sampled_from([0, 0, 0, 1, 2, 3, 4, 9]),
        is_hopeless=st.booleans(),
        kind=st.sampled_from(["urgent", "kept", "shed"]),
    ),
    max_size=40,
)


@dataclass
class Play:
    """A queue, a clock and a model that fails as it is told."""

    max_batch: int
    now_ns: int = 1_000 * S
    asked: list[Job] = field(default_factory=list)
    done: list[tuple[Job, Any]] = field(default_factory=list)
    asked_ns: dict[int, int] = field(default_factory=dict)
    done_ns: dict[int, int] = field(default_factory=dict)
    runs: Counter[int] = field(default_factory=Counter)
    runs_ns: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with an empty queue."""
        self.session = PartitionSession(TP("t", 0), 1, lambda _: None)
        self.queue = RequestQueue(
            2.0, self.max_batch, max_urgent=self.max_batch, clock_ns=lambda: self.now_ns
        )

    def run(self, steps: Sequence[Ask]) -> None:
        """Play the steps, then wait until nothing is pending."""
        for step in steps:
            self._ask(step)
            self.work()
        while self.queue:
            self.work()

    def _ask(self, step: Ask) -> None:
        slot = (step.call, step.kind)
        request = Request(len(self.asked), slot, step.failures, step.is_hopeless)
        kinds = {"is_urgent": step.kind == "urgent", "is_kept": step.kind == "kept"}
        job = Job(self.session, str(step.call), request, **kinds, arrived_ns=self.now_ns)
        self.asked.append(job)
        self.asked_ns[request.number] = self.now_ns
        self.queue.push(job)

    def work(self) -> None:
        """Run all that may run now, and let time pass."""
        while batch := self.queue.pop():
            results = [self._result(number_of(job)) for job in batch]
            for job, result in finished(batch, results, RETRIES, self.queue.postpone):
                self.done.append((job, result))
                self.done_ns[number_of(job)] = self.now_ns
        self.now_ns += TICK_NS

    def _result(self, number: int) -> Any:
        request: Any = self.asked[number].request
        self.runs[number] += 1
        self.runs_ns.setdefault(number, []).append(self.now_ns)
        if self.runs[number] > request.failures:
            return number
        return LASTING if request.is_hopeless else PASSING


def number_of(job: Job) -> int:
    request: Any = job.request
    number: int = request.number
    return number


@given(steps=STEPS, max_batch=st.integers(1, 4))
def test_what_a_call_waits_for_is_done_once_by_answer_or_failure(
    steps: list[Ask], max_batch: int
) -> None:
    play = Play(max_batch)
    play.run(steps)

    times = Counter(number_of(job) for job, _ in play.done)
    assert all(times[number_of(job)] == 1 for job in play.asked if job.is_lasting)
    for job, result in play.done:
        request: Any = job.request
        attempts = 1 if request.is_hopeless or not job.is_lasting else RETRIES.max_attempts
        expected = LASTING if request.is_hopeless else PASSING
        assert result == (request.number if request.failures < attempts else expected)
        assert play.runs[request.number] == min(request.failures + 1, attempts)


@given(steps=STEPS, max_batch=st.integers(1, 4))
def test_nobody_waits_for_the_retry_of_another(steps: list[Ask], max_batch: int) -> None:
    """The model has time for all: what does not fail itself is done in the tick it is asked in."""
    play = Play(max_batch)
    play.run(steps)

    for number, done_ns in play.done_ns.items():
        job = play.asked[number]
        waited_s = (done_ns - play.asked_ns[number]) / S
        if job.is_urgent and play.runs[number] == 1:
            assert waited_s == 0
        if job.is_urgent:
            assert waited_s <= LONGEST_WAIT_S + play.runs[number] * TICK_NS / S


@given(steps=STEPS, max_batch=st.integers(1, 4))
def test_kept_requests_of_a_slot_are_done_in_their_order(steps: list[Ask], max_batch: int) -> None:
    play = Play(max_batch)
    play.run(steps)

    for call in range(4):
        kept = [number_of(j) for j in play.asked if j.is_kept and j.call_id == str(call)]
        done = [number_of(j) for j, _ in play.done if j.is_kept and j.call_id == str(call)]
        assert done == kept


@given(steps=STEPS, max_batch=st.integers(1, 4))
def test_no_request_is_run_again_before_it_is_due(steps: list[Ask], max_batch: int) -> None:
    """Urgent or kept: a back-end that is away is not asked all the time."""
    play = Play(max_batch)
    play.run(steps)

    for times_ns in play.runs_ns.values():
        for failures, (before, after) in enumerate(pairwise(times_ns), start=1):
            backoff_s = RETRIES.backoff_s(failures)
            assert backoff_s is not None
            assert after - before >= backoff_s * S


@given(failures=st.integers(1, 200))
def test_backoff_doubles_up_to_its_bound_and_ends(failures: int) -> None:
    policy = RetryPolicy(max_attempts=100, first_backoff_s=0.5, max_backoff_s=30.0)

    backoff_s = policy.backoff_s(failures)

    assert (backoff_s is None) == (failures >= 100)
    if backoff_s is not None:
        assert backoff_s == min(30.0, 0.5 * 2 ** (failures - 1))
