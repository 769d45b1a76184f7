"""Whatever comes in whatever order: finals first, nobody starves, no final is ever shed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream_app.runtime.inference.queue import Job, RequestQueue
from stream_app.runtime.memory.sessions import PartitionSession

CALLS = 6
CHANNELS = 2
S = 1_000_000_000
MAX_AGE_S = 2.0


@dataclass(frozen=True)
class Request:
    """What the queue looks at."""

    number: int
    slot: tuple[Any, ...]
    cost: int = 1_000

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one."""
        return (self.number,)


@dataclass(frozen=True)
class Ask:
    """A channel asks; its partition may be read late."""

    call: int
    channel: int
    is_urgent: bool
    is_early: bool
    delay_ms: int
    is_first: bool = False


@dataclass(frozen=True)
class Take:
    """The model is free and takes a batch."""


STEPS = st.lists(
    st.one_of(
        st.builds(
            Ask,
            call=st.integers(0, CALLS - 1),
            channel=st.integers(0, CHANNELS - 1),
            is_urgent=st.integers(0, 4).map(lambda n: n == 0),
            is_early=st.integers(0, 4).map(lambda n: n == 0),
            delay_ms=st.integers(0, 3_000),
            is_first=st.integers(0, 4).map(lambda n: n == 0),
        ),
        st.builds(Take),
        st.builds(Take),
    ),
    max_size=150,
)
BATCHES = st.integers(1, 8)


@dataclass
class Play:
    """A queue, a clock and a record of what was handed out."""

    max_batch: int
    max_urgent: int = 1
    is_kept: bool = False
    now_ns: int = 1_000 * S
    asked: list[Job] = field(default_factory=list)
    batches: list[list[Job]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with an empty queue."""
        self.session = PartitionSession(TP("t", 0), 1, lambda _: None)
        self.queue = RequestQueue(
            MAX_AGE_S,
            self.max_batch,
            max_urgent=self.max_urgent,
            clock_ns=lambda: self.now_ns,
        )

    def ask(self, step: Ask) -> Job:
        """Return the request that was queued."""
        slot = (f"call-{step.call}", step.channel)
        request = Request(len(self.asked), slot)
        is_kept = self.is_kept and not step.is_urgent
        arrived_ns = self.now_ns - step.delay_ms * S // 1_000
        is_early = step.is_early and not (step.is_urgent or is_kept)
        is_first = step.is_first and not (step.is_urgent or is_kept or is_early)
        kinds = {"is_urgent": step.is_urgent, "is_kept": is_kept}
        kinds |= {"is_early": is_early, "is_first": is_first}
        job = Job(self.session, slot[0], request, arrived_ns=arrived_ns, **kinds)
        self.asked.append(job)
        self.queue.push(job)
        return job

    def take(self) -> list[Job]:
        """Return the next batch."""
        batch = self.queue.pop()
        if batch:
            self.batches.append(batch)
        return batch

    def run(self, steps: Sequence[Ask | Take]) -> list[Job]:
        """Return all that was handed out in the end."""
        for step in steps:
            self.now_ns += S // 100
            if isinstance(step, Ask):
                self.ask(step)
            else:
                self.take()
        while self.take():
            pass
        return [job for batch in self.batches for job in batch]


@given(steps=STEPS, max_batch=BATCHES)
def test_batches_are_small_and_of_one_kind(steps: list[Ask | Take], max_batch: int) -> None:
    play = Play(max_batch)
    play.run(steps)

    for batch in play.batches:
        assert len({(job.is_urgent, job.is_early, job.is_first) for job in batch}) == 1
        assert len(batch) <= (1 if batch[0].is_urgent or batch[0].is_early else max_batch)
        if not batch[0].is_urgent:
            assert len({job.slot for job in batch}) == len(batch)


@given(steps=STEPS, max_batch=BATCHES, max_urgent=BATCHES)
def test_no_partial_goes_before_a_pending_final(
    steps: list[Ask | Take], max_batch: int, max_urgent: int
) -> None:
    play = Play(max_batch, max_urgent)
    pending = 0
    for step in steps:
        if isinstance(step, Ask):
            pending += play.ask(step).is_urgent
            continue
        batch = play.take()
        urgent = sum(job.is_urgent for job in batch)
        assert urgent == min(pending, max_urgent)
        assert not pending or urgent == len(batch)
        pending -= urgent


@given(steps=STEPS, max_batch=BATCHES, max_urgent=BATCHES)
def test_every_final_comes_once_in_the_order_of_arrival(
    steps: list[Ask | Take], max_batch: int, max_urgent: int
) -> None:
    play = Play(max_batch, max_urgent)
    finals = [job for job in play.run(steps) if job.is_urgent]

    assert sorted(map(id, finals)) == sorted(id(job) for job in play.asked if job.is_urgent)
    for batch in play.batches:
        stamps = [job.arrived_ns for job in batch if job.is_urgent]
        assert stamps == sorted(stamps)


@given(steps=STEPS, max_batch=BATCHES)
def test_what_is_not_handed_out_is_counted(steps: list[Ask | Take], max_batch: int) -> None:
    play = Play(max_batch)
    done = play.run(steps)

    assert len(done) + play.queue.shed == len(play.asked)
    assert len(play.queue) == 0


@given(steps=STEPS, max_batch=BATCHES)
def test_a_call_waits_while_each_other_call_is_served_once(
    steps: list[Ask | Take], max_batch: int
) -> None:
    """However fast the others ask, and however late their input is read.

    Early and first requests go before all partials, whosever they are.
    """
    play = Play(max_batch)
    waiting: dict[str, set[str]] = {}  # calls served while this one waits
    for step in steps:
        if isinstance(step, Ask):
            job = play.ask(step)
            if not job.is_urgent:
                waiting.setdefault(job.call_id, set())
            continue
        batch = [job for job in play.take() if not job.is_urgent]
        for job in batch:
            waiting.pop(job.call_id, None)
        partials = {job.call_id for job in batch if not (job.is_early or job.is_first)}
        pending = {slot.jobs[0].call_id for slot in play.queue._slots.values()}
        waiting = {call: served for call, served in waiting.items() if call in pending}
        for served in waiting.values():
            assert not served & partials
            served.update(partials)


@given(steps=STEPS, max_batch=BATCHES)
def test_kept_partials_all_come_in_the_order_of_their_slot(
    steps: list[Ask | Take], max_batch: int
) -> None:
    """What a deterministic run asks for does not depend on the load."""
    play = Play(max_batch, is_kept=True)
    done = play.run(steps)

    assert play.queue.shed == 0
    for slot in {job.slot for job in play.asked}:
        partials = [job for job in play.asked if job.slot == slot and not job.is_urgent]
        assert [job for job in done if job.slot == slot and not job.is_urgent] == partials


@given(steps=STEPS, max_batch=BATCHES)
def test_a_partial_handed_out_is_the_newest_of_its_slot(
    steps: list[Ask | Take], max_batch: int
) -> None:
    play = Play(max_batch)
    newest: dict[tuple[Any, ...], Job] = {}
    for step in steps:
        if isinstance(step, Ask):
            job = play.ask(step)
            newest[job.slot] = job
            continue
        for job in play.take():
            assert job.is_urgent or newest[job.slot] is job


def test_early_ones_go_behind_urgent_ones_before_the_others_and_are_shed_as_these() -> None:
    play = Play(max_batch=8)
    partial, early, urgent, old = (
        play.ask(Ask(call, 0, is_urgent=call == 2, is_early=call in (1, 3), delay_ms=delay_ms))
        for call, delay_ms in enumerate((0, 0, 0, 3_000))
    )
    while play.take():
        pass

    assert play.batches == [[urgent], [early], [partial]]
    assert old.is_early
    assert play.queue.shed == 1


def test_a_final_takes_the_place_of_its_early_form() -> None:
    play = Play(max_batch=8)
    play.ask(Ask(0, 0, is_urgent=False, is_early=True, delay_ms=0))
    final = play.ask(Ask(0, 0, is_urgent=True, is_early=False, delay_ms=0))

    assert play.take() == [final]
    assert play.take() == []
