"""Reading waits while too much is unfinished for the model, and only then."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from schemas.catalogue import TRANSCRIPTS
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.limits import AUDIO_MS, Limits
from stream_app.agents.registry import AGENTS, define_agent
from stream_app.runtime.inference.queue import Job
from stream_app.runtime.memory.sessions import PartitionSession
from stream_app.runtime.reading_pace import ReadingPace
from stream_app.settings import Settings
from tests.support.runtime_bench import RuntimeBench

PARTITION = TP(TRANSCRIPTS, 0)
LIMIT = 10
INPUTS = Limits(max_inputs=LIMIT)
COST = Limits(max_cost=500, max_inputs=None)


@dataclass
class Requests:
    """Requests that are unfinished."""

    unfinished: int
    unfinished_cost: int = 0


def pace(held: int, requests: Requests | None, limits: Limits = INPUTS) -> ReadingPace:
    """Return the pace of an agent that holds some inputs."""
    partitions: Any = SimpleNamespace(unacknowledged=held)
    return ReadingPace(limits, partitions, requests)


async def is_reading(pace: ReadingPace) -> bool:
    task = asyncio.create_task(pace.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    is_done = task.done()
    task.cancel()
    return is_done


async def test_it_waits_while_the_model_has_answers_to_give() -> None:
    assert not await is_reading(pace(LIMIT + 1, Requests(1)))


async def test_it_goes_on_below_the_limit() -> None:
    assert await is_reading(pace(LIMIT, Requests(1)))


async def test_what_only_waits_to_become_durable_stops_nothing() -> None:
    """No answer would ever let it go on."""
    assert await is_reading(pace(LIMIT + 1, Requests(0)))
    assert await is_reading(pace(LIMIT + 1, None))


async def test_an_agent_may_count_what_its_requests_cost_instead() -> None:
    """As transcribe counts their audio; the inputs that it holds bound nothing then."""
    assert await is_reading(pace(LIMIT + 1, Requests(9, unfinished_cost=500), COST))
    assert not await is_reading(pace(1, Requests(9, unfinished_cost=501), COST))


def test_the_limit_of_unfinished_audio_is_that_of_transcribe_alone() -> None:
    settings = Settings().replace(
        overload={"max_pending_final_audio_s": 7}, turns={"model": "none"}
    )

    limits = {name: define_agent(name, settings).limits for name in AGENTS}

    assert limits["transcribe"] == Limits(max_cost=7_000, unit=AUDIO_MS, max_inputs=None)
    others = [each for name, each in limits.items() if name != "transcribe"]
    assert {each.max_cost for each in others} == {None}
    assert all(each.max_inputs for each in others)


async def test_the_answers_let_it_go_on() -> None:
    requests = Requests(1)
    waiting = pace(LIMIT + 1, requests)
    task = asyncio.create_task(waiting.wait())
    await asyncio.sleep(0)

    waiting.review()
    await asyncio.sleep(0)
    assert not task.done()

    requests.unfinished = 0
    waiting.review()
    await task


@dataclass(frozen=True)
class Question:
    """A request of a call."""

    slot: tuple[int]
    cost: int = 0

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

    machine: Any = None
    definition = AgentDefinition(
        name="toy",
        input_topic=TRANSCRIPTS,
        decode=bytes,
        create=lambda _: machine,
        restore=lambda _: machine,
        infer=infer,
        max_urgent=max_urgent,
    )
    inference = RuntimeBench(definition).parts.inference
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
