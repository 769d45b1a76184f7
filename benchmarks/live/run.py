"""Some live calls at real time through Kafka, watched from outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from benchmarks.live.call_copies import CallCopy
from benchmarks.live.call_meter import NS_PER_MS, CallMeter, Received
from benchmarks.live.system import LiveSystem, Snapshot
from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage, CallStarted
from schemas.base import Message
from schemas.errors import BrokerError, CallstreamError, MalformedMessageError
from stream_app.replay.discovery import find_recordings
from stream_app.replay.pacer import SystemClock
from stream_app.replay.plan import PlannedCall, mint_run, plan_calls
from stream_app.replay.publisher import Publisher, open_publisher
from stream_app.replay.session import Replay, ReplayedCall, ReplayOptions
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import create_reader
from stream_app.transport.layout import partitions_of
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics

GOLDEN_RATIO = (5**0.5 - 1) / 2
SETTLE_S = 1.5  # after the last call began, before the steady state is measured
DRAIN_S = 45.0  # longest wait for the last results after the last chunk
LEAST_STEADY_S = 3.0
POLL_MS = 50
RESULT_TOPICS = (catalogue.TRANSCRIPTS, catalogue.TURNS, catalogue.FINALIZED)


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of a run are played.

    Attributes:
        calls: At once.
        seconds: Length of each.
        stagger_s: The calls begin evenly within it.
    """

    calls: int
    seconds: float
    stagger_s: float
    chunk_ms: int = 100


@dataclass(slots=True)
class Observation:
    """Everything that was seen of a run.

    Attributes:
        meters: One for each call.
        steady_ns: Wall clock from when to when all calls spoke and the usage was taken.
        lateness_ms: How late the load generator produced its chunks.
        dead_letters: Messages on that topic.
        is_drained: Whether every call came to its end in time.
    """

    meters: list[CallMeter]
    steady_ns: tuple[int, int]
    before: Snapshot
    after: Snapshot
    lateness_ms: list[float] = field(default_factory=list)
    dead_letters: int = 0
    is_drained: bool = True

    def delays_ms(self, kind: str) -> list[float]:
        """Return the delays of a kind whose sound was made in the steady state."""
        begin, end = self.steady_ns
        return [
            sample.delay_ms
            for meter in self.meters
            for sample in meter.samples.get(kind, ())
            if begin <= sample.sound_ns <= end
        ]

    @property
    def kinds(self) -> list[str]:
        """Kinds of samples there are."""
        return sorted({kind for meter in self.meters for kind in meter.samples})


class SilentListener:
    """Ignores the progress of replays that are watched anyway."""

    def started(self, call_id: str, total_ms: int | None) -> None:
        """Ignore it."""

    def advanced(self, call_id: str, audio_ms: int) -> None:
        """Ignore it."""

    def finished(self, outcome: ReplayedCall) -> None:
        """Ignore it."""


class StampingPublisher:
    """Passes messages on; notes when each call began, and how late chunks were."""

    def __init__(self, publisher: Publisher, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._publisher = publisher
        self._now_ns = now_ns
        self.origins_ns: dict[str, int] = {}
        self.lateness_ms: list[float] = []

    async def publish(self, message: AudioMessage) -> None:
        """Take ``message``."""
        if isinstance(message, CallStarted):
            self.origins_ns[message.call_id] = message.captured_at_ns
        elif isinstance(message, AudioChunk):
            late_ns = self._now_ns() - message.captured_at_ns
            self.lateness_ms.append(late_ns / NS_PER_MS)
        await self._publisher.publish(message)

    async def flush(self) -> None:
        """Return when all messages are durable."""
        await self._publisher.flush()


class Watcher:
    """A consumer of the result topics that keeps what it gets, by call."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.received: dict[str, list[Received]] = {}
        self.finalized: set[str] = set()
        self.dead_letters = 0

    async def start(self, partitions: Sequence[TopicPartition]) -> None:
        """Read everything from now on.

        Raises:
            BrokerError: No broker answers.
        """
        try:
            await self._consumer.start()
            self._consumer.assign(partitions)
            await self._consumer.seek_to_end(*partitions)
        except KafkaError as error:
            raise BrokerError(f"the result topics cannot be read: {error}") from error

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            now_ns = time.time_ns()
            for records in batches.values():
                for record in records:
                    self.take(record.topic, record.value, record.timestamp, now_ns)

    def take(self, topic: str, data: bytes, produced_at_ms: int, now_ns: int) -> None:
        """Keep a record."""
        if topic == catalogue.DEAD_LETTERS:
            self.dead_letters += 1
            return
        try:
            message: Message = catalogue.decode(topic, data)
        except MalformedMessageError:
            self.dead_letters += 1
            return
        received = Received(message, produced_at_ms, now_ns)
        self.received.setdefault(message.call_id, []).append(received)
        if topic == catalogue.FINALIZED:
            self.finalized.add(message.call_id)


@asynccontextmanager
async def watching(kafka: KafkaSettings) -> AsyncIterator[Watcher]:
    """Yield what watches the result topics from now on.

    Raises:
        BrokerError: No broker answers, or the topics are not as they should be.
    """
    names = (*RESULT_TOPICS, catalogue.DEAD_LETTERS)
    layout = await check_topics(kafka, names)  # a broker may not know them yet
    consumer = create_reader(kafka)
    watcher = Watcher(consumer)
    try:
        await watcher.start(partitions_of(layout, kafka, names))
        reading = asyncio.create_task(watcher.run())
        try:
            yield watcher
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    finally:
        await stop_client(consumer)


async def play_calls(
    system: LiveSystem, copies: Sequence[CallCopy], options: RunOptions
) -> Observation:
    """Return what was seen of some live calls.

    Args:
        system: Broker and agents, ready.
        copies: Calls to choose from, in turn.
        options: How many, how long.

    Raises:
        CallstreamError: The broker or an agent is gone.
    """
    chosen = [copies[number % len(copies)] for number in range(options.calls)]
    planned = plan_copies(chosen)
    async with watching(system.settings.kafka) as watcher:
        async with open_publisher(system.settings.kafka, catalogue.AUDIO) as publisher:
            stamping = StampingPublisher(publisher)
            playing = asyncio.create_task(_play(planned, stamping, options))
            steady = await _steady_usage(system, options)
            await playing
        is_drained = await _drain(watcher, [call.call_id for call in planned])
    return Observation(
        meters=_meters(planned, chosen, stamping.origins_ns, watcher),
        steady_ns=steady[0],
        before=steady[1],
        after=steady[2],
        lateness_ms=stamping.lateness_ms,
        dead_letters=watcher.dead_letters,
        is_drained=is_drained,
    )


def plan_copies(chosen: Sequence[CallCopy]) -> list[PlannedCall]:
    """Return a call to replay for each copy, each with an id of its own."""
    run = mint_run()
    calls: list[PlannedCall] = []
    for number, copy in enumerate(chosen):
        found = find_recordings([copy.path], extra_suffixes=frozenset()).recordings
        calls += plan_calls(found, run=f"{run}-{number}")
    return calls


async def _play(
    planned: Sequence[PlannedCall], publisher: StampingPublisher, options: RunOptions
) -> None:
    replay_options = ReplayOptions(speed=1.0, chunk_ms=options.chunk_ms, concurrency=1)
    replay = Replay(replay_options, publisher, clock=SystemClock(), listener=SilentListener())

    async def play_one(number: int, call: PlannedCall) -> None:
        phase_ms = options.chunk_ms * (number * GOLDEN_RATIO % 1)  # or all chunks may come at once
        await asyncio.sleep(options.stagger_s * number / len(planned) + phase_ms / 1000)
        (outcome,) = await replay.run([call])
        if outcome.problem:
            raise BrokerError(outcome.problem)

    try:
        async with asyncio.TaskGroup() as calls:
            for number, call in enumerate(planned):
                calls.create_task(play_one(number, call))
    except* CallstreamError as failures:
        raise failures.exceptions[0] from None


async def _steady_usage(
    system: LiveSystem, options: RunOptions
) -> tuple[tuple[int, int], Snapshot, Snapshot]:
    """Return from when to when all calls spoke, and the usage at both ends."""
    await asyncio.sleep(options.stagger_s + SETTLE_S)
    system.pin()
    begin_ns, before = time.time_ns(), await asyncio.to_thread(system.snapshot)
    await asyncio.sleep(max(options.seconds - options.stagger_s - 2 * SETTLE_S, LEAST_STEADY_S))
    return (begin_ns, time.time_ns()), before, await asyncio.to_thread(system.snapshot)


async def _drain(watcher: Watcher, call_ids: Sequence[str]) -> bool:
    deadline_s = time.monotonic() + DRAIN_S
    while not watcher.finalized.issuperset(call_ids):
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(0.1)
    return True


def _meters(
    planned: Sequence[PlannedCall],
    chosen: Sequence[CallCopy],
    origins_ns: dict[str, int],
    watcher: Watcher,
) -> list[CallMeter]:
    meters = []
    for call, copy in zip(planned, chosen, strict=True):
        meter = CallMeter(copy.call, origins_ns[call.call_id])
        received = watcher.received.get(call.call_id, [])
        for one in sorted(received, key=lambda each: each.arrived_at_ns):
            meter.feed(one)
        meters.append(meter)
    return meters
