"""Reading waits while too many inputs are held back for answers of the model, and only then."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from faust.types import TP, Message

from stream_app.settings import Settings
from stream_app.topics import TRANSCRIPTS
from stream_app.transport.definitions import AgentDefinition
from stream_app.transport.inference import Job
from stream_app.transport.runtime import AgentRuntime
from stream_app.transport.sessions import PartitionSession
from tests.support.process_end import unexpected_end

PARTITION = TP(TRANSCRIPTS, 0)
LIMIT = 10


class FakeInference:
    """Has unfinished requests or none."""

    def __init__(self, *, has_urgent: bool) -> None:
        self.has_urgent = has_urgent
        self.pending_urgent_ms = 0


def runtime(held: int, inference: FakeInference, limit: int = LIMIT) -> AgentRuntime:
    """Return the runtime of an agent that holds so many inputs."""
    runtime = AgentRuntime(Settings(), toy(max_unacknowledged=limit), end=unexpected_end)
    session = PartitionSession(PARTITION, 1, lambda _: None)
    for offset in range(held):
        session.keep(Message(TRANSCRIPTS, 0, offset, 1.0, 0, [], b"c", b"v", None, tp=PARTITION))
    runtime.partitions._sessions = {PARTITION: session}
    runtime._inference = inference  # type: ignore[assignment]
    return runtime


def toy(**options: Any) -> AgentDefinition:
    machine: Any = None
    return AgentDefinition(
        name="toy",
        input_topic=TRANSCRIPTS,
        decode=bytes,
        create=lambda _: machine,
        restore=lambda _: machine,
        **options,
    )


async def is_reading(runtime: AgentRuntime) -> bool:
    task = asyncio.create_task(runtime._wait_for_room())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    is_done = task.done()
    task.cancel()
    return is_done


async def test_it_waits_while_the_model_has_answers_to_give() -> None:
    assert not await is_reading(runtime(LIMIT + 1, FakeInference(has_urgent=True)))


async def test_it_goes_on_below_the_limit() -> None:
    assert await is_reading(runtime(LIMIT, FakeInference(has_urgent=True)))


async def test_what_only_waits_to_become_durable_stops_nothing() -> None:
    """No answer would ever let it go on."""
    assert await is_reading(runtime(LIMIT + 1, FakeInference(has_urgent=False)))


async def test_an_agent_without_a_limit_reads_on() -> None:
    """It has another one: transcribe counts unfinished audio."""
    assert await is_reading(runtime(LIMIT + 1, FakeInference(has_urgent=True), limit=0))


async def test_the_answers_let_it_go_on() -> None:
    inference = FakeInference(has_urgent=True)
    worker = runtime(LIMIT + 1, inference)
    task = asyncio.create_task(worker._wait_for_room())
    await asyncio.sleep(0)

    inference.has_urgent = False
    await worker._resolve_results()

    await task


@dataclass(frozen=True)
class Question:
    """A request of a call."""

    slot: tuple[int]
    audio_ms: int = 0

    @property
    def identity(self) -> tuple[int]:
        """Tells it from every other one."""
        return (self.slot[0],)


@pytest.mark.parametrize(("max_urgent", "batches"), [(4, [1, 4]), (1, [1, 1, 1, 1, 1])])
async def test_urgent_requests_run_together_where_the_agent_says_so(
    max_urgent: int, batches: list[int]
) -> None:
    """An engine that decodes one by one would only make the first wait."""
    sizes: list[int] = []
    began, may_answer, is_over = threading.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def infer(requests: Sequence[Question]) -> list[Question]:
        began.set()
        may_answer.wait()
        sizes.append(len(requests))
        if sum(sizes) == sum(batches):
            loop.call_soon_threadsafe(is_over.set)
        return [*requests]

    worker = AgentRuntime(Settings(), toy(infer=infer, max_urgent=max_urgent), end=unexpected_end)
    inference = worker._make_inference()
    assert inference is not None
    inference.start()
    session = PartitionSession(PARTITION, 1, lambda _: None)
    inference.submit(Job(session, "0", Question((0,)), is_urgent=True))
    await asyncio.to_thread(began.wait)
    for number in range(1, 5):
        inference.submit(Job(session, str(number), Question((number,)), is_urgent=True))
    may_answer.set()

    await is_over.wait()
    inference.stop()

    assert sizes == batches
