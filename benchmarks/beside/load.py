"""An agent `analyze` that always has finalized calls to analyse."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from contextlib import asynccontextmanager
from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

from aiokafka import TopicPartition
from msgspec.structs import replace

from benchmarks.core.affinity import pinned_to
from benchmarks.core.finalized import finalized_call
from schemas import catalogue
from schemas.errors import CallstreamError
from schemas.insights import CallInsights
from stream_app.calls.analyze.analyzed import AGENT
from stream_app.transport.clients import create_reader, start_producer
from stream_app.worker.supervisor import Supervisor
from training.analytics.composed.generator import generate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from aiokafka import AIOKafkaProducer

    from schemas.turns import FinalizedCall
    from stream_app.settings import Settings
    from stream_app.transport.clients import TopicReader

READY_TIMEOUT_S = 120.0
FINISH_TIMEOUT_S = 120.0
CALLS = 100  # that take turns
NOISE_SHARE = 0.3  # of them, as a recognizer writes them
WAITING = 8  # calls at a time: two batches, so that the next one is there when one is answered
WARM_UP_CALLS = 2
POLL_MS = 50


class Answered(NamedTuple):
    """What the agent did in some time.

    Attributes:
        calls: It analysed.
        abstained: Of them without findings, whatever the reason.
        seconds: That it had.
    """

    calls: int
    abstained: int
    seconds: float


@asynccontextmanager
async def analyses(
    settings: Settings, cores: Sequence[int], agent: str = ""
) -> AsyncIterator[AnalyzeLoad]:
    """Yield the load, idle.

    Args:
        settings: Of the agent and of the broker, which runs.
        cores: That the agent may run on.
        agent: As `define_agent` takes it; it answers finalized calls by insights;
            empty for `analyze`.

    Raises:
        CallstreamError: Agent or broker do not start.
    """
    settings = settings.replace(metrics={"port": 0})
    producer, reader = await start_producer(settings.kafka), create_reader(settings.kafka)
    await reader.start()
    try:
        places = [TopicPartition(catalogue.INSIGHTS, n) for n in range(settings.kafka.partitions)]
        reader.assign(places)
        await reader.seek_to_end(*places)
        with (
            pinned_to(cores),
            tempfile.TemporaryFile() as log,
            Supervisor(settings, [agent or AGENT], log_file=log) as supervisor,
        ):
            await asyncio.to_thread(supervisor.wait_ready, READY_TIMEOUT_S)
            yield AnalyzeLoad(producer, reader)
    finally:
        await reader.stop()
        await producer.stop()


class AnalyzeLoad:
    """Keeps the agent busy for as long as it is asked to."""

    def __init__(self, producer: AIOKafkaProducer, reader: TopicReader) -> None:
        self._producer = producer
        self._reader = reader
        self._calls: Iterator[FinalizedCall] = cycle(_calls())
        self._waiting: set[str] = set()
        self._answered = self._abstained = self._sent = 0

    async def warm_up(self) -> Answered:
        """Let the agent analyse a few calls, so that its model is loaded; return what came of it.

        Raises:
            CallstreamError: The agent does not answer.
        """
        self._answered = self._abstained = 0
        began_s = time.monotonic()
        for _ in range(WARM_UP_CALLS):
            await self._send(next(self._calls))
        await self._finish()
        return self._since(began_s)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[list[Answered]]:
        """Keep calls waiting within the context; the list has what was done, once it is over.

        Raises:
            CallstreamError: The agent does not answer.
        """
        self._answered = self._abstained = 0
        found: list[Answered] = []
        began_s = time.monotonic()
        feeding = asyncio.create_task(self._feed())
        try:
            yield found
        finally:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
        found.append(self._since(began_s))
        await self._finish()

    def _since(self, began_s: float) -> Answered:
        seconds = round(time.monotonic() - began_s, 1)
        return Answered(self._answered, self._abstained, seconds)

    async def _feed(self) -> None:
        while True:
            while len(self._waiting) < WAITING:
                await self._send(next(self._calls))
            await self._read()

    async def _finish(self) -> None:
        """Wait until nothing is left to do."""
        deadline_s = time.monotonic() + FINISH_TIMEOUT_S
        while self._waiting:
            if time.monotonic() > deadline_s:
                raise CallstreamError(
                    f"{AGENT} left {len(self._waiting)} calls unanswered for {FINISH_TIMEOUT_S:g} s"
                )
            await self._read()

    async def _send(self, call: FinalizedCall) -> None:
        self._sent += 1
        call_id = f"beside-{time.time_ns()}-{self._sent}"
        value = catalogue.encode(replace(call, call_id=call_id, event_id=f"{call_id}/finalized"))
        await self._producer.send_and_wait(catalogue.FINALIZED, value, key=call_id.encode())
        self._waiting.add(call_id)

    async def _read(self) -> None:
        batches = await self._reader.getmany(timeout_ms=POLL_MS)
        for record in (each for batch in batches.values() for each in batch):
            message = catalogue.decode(catalogue.INSIGHTS, record.value)
            if isinstance(message, CallInsights) and message.call_id in self._waiting:
                self._waiting.discard(message.call_id)
                self._answered += 1
                self._abstained += bool(message.abstained)


def _calls() -> list[FinalizedCall]:
    """Return generated calls of the test split; the ids are those of examples."""
    return [
        finalized_call(each.id, [(turn.party, turn.text) for turn in each.turns])
        for each in generate("test", CALLS, seed=1, noise_share=NOISE_SHARE)
    ]
