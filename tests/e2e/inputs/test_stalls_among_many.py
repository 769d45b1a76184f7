"""Sixty-four live calls on twelve partitions, and a few dead ones among them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage, CallEnded, CallStalled
from schemas.base import RUN_SEPARATOR
from schemas.codec import decode_audio
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.clients import TopicProducer, client_options, create_producer
from tests.kafka.cluster import create_topics
from tests.kafka.running import with_topics
from tests.support.system.fleet import Fleet
from tests.support.system.topic_watch import TopicWatch

pytestmark = pytest.mark.e2e

LIVE, DEAD = 64, 5
CHUNK_MS = 200
STALL_S, STALE_S = 3.0, 8.0
SILENCE = b"\xff" * (8 * CHUNK_MS)  # mu-law
SETTINGS = Settings().replace(
    kafka={"partitions": 12, "commit_interval_s": 0.2},
    stalls={"stall_after_s": STALL_S, "stale_after_s": STALE_S},
)
LIMIT_S = 120.0


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a fresh broker of each kind with twelve partitions a topic."""
    if request.param == "embedded":
        with EmbeddedBroker() as broker:
            settings = broker.settings(SETTINGS)
            asyncio.run(create_topics(settings.kafka))
            yield settings
        return
    yield with_topics(request.getfixturevalue("kafka_cluster"), SETTINGS)


class Gateway:
    """Calls that send silence in real time."""

    def __init__(self, producer: TopicProducer) -> None:
        self._producer = producer

    async def speak(self, call_ids: Sequence[str], stop: asyncio.Event) -> None:
        """Send a chunk of every call each 200 ms until told to stop; then end them all."""
        seq = 0
        while not stop.is_set():
            for call_id in call_ids:
                await self.send(chunk(call_id, seq))
            seq += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), CHUNK_MS / 1000)
        for call_id in call_ids:
            await self.send(CallEnded(event_id="end", call_id=call_id, captured_at_ns=1))
        await self._producer.flush()

    async def send(self, message: AudioMessage) -> None:
        """Put a message on the audio topic."""
        key = message.call_id.encode()
        await self._producer.send(catalogue.AUDIO, catalogue.encode(message), key=key)


def chunk(call_id: str, seq: int) -> AudioChunk:
    return AudioChunk(
        event_id=f"{call_id}/{seq}",
        call_id=call_id,
        captured_at_ns=time.time_ns(),
        seq=seq,
        start_ms=seq * CHUNK_MS,
        encoding="mulaw",
        sample_rate_hz=8_000,
        payloads=(SILENCE,),
    )


@asynccontextmanager
async def gateway_on(kafka: KafkaSettings) -> AsyncIterator[Gateway]:
    producer = create_producer(kafka)
    await producer.start()
    try:
        yield Gateway(producer)
    finally:
        await producer.stop()


def log_of(watch: TopicWatch, call_id: str) -> list[tuple[float, AudioMessage]]:
    """Return when each message of a call came to the log, and the message."""
    records = watch.of(catalogue.AUDIO, call_id)
    return [(record.timestamp / 1000, decode_audio(record.value)) for record in records]


def markers_of(watch: TopicWatch, call_id: str) -> list[tuple[str, float]]:
    """Return the markers of a call, with the seconds of silence on the log before each."""
    heard_s = 0.0
    found: list[tuple[str, float]] = []
    for at_s, message in log_of(watch, call_id):
        if isinstance(message, AudioChunk):
            heard_s = at_s
        elif isinstance(message, CallStalled):
            found.append(("stall", at_s - heard_s))
        elif isinstance(message, CallEnded) and message.reason == "stale":
            found.append(("stale", at_s - heard_s))
    return found


async def committed(kafka: KafkaSettings) -> list[int]:
    """Return the committed offset of each partition of the audio topic."""
    reader = AIOKafkaConsumer(
        **client_options(kafka), group_id=kafka.group("transcribe"), enable_auto_commit=False
    )
    await reader.start()
    try:
        places = [TopicPartition(catalogue.AUDIO, number) for number in range(kafka.partitions)]
        reader.assign(places)
        return [await reader.committed(place) or 0 for place in places]
    finally:
        await reader.stop()


def end_of(watch: TopicWatch, partition: int) -> int:
    records = [r.offset for r in watch.of(catalogue.AUDIO) if r.partition == partition]
    return max(records, default=-1) + 1


async def test_dead_calls_close_and_let_their_partitions_be_committed(
    settings: Settings, tmp_path: Path
) -> None:
    """No live call is closed with them, and what they had pinned is committed."""
    run = secrets.token_hex(3)
    live = [f"live-{n}{RUN_SEPARATOR}{run}" for n in range(LIVE)]
    dead = [f"dead-{n}{RUN_SEPARATOR}{run}" for n in range(DEAD)]
    kafka, stop = settings.kafka, asyncio.Event()
    with Fleet(settings, tmp_path) as fleet:
        await fleet.launch("transcribe", worker="first").ready()
        async with TopicWatch(kafka, run) as watch, gateway_on(kafka) as gateway:
            speaking = asyncio.create_task(gateway.speak(live, stop))
            for call_id in dead:
                for seq in range(5):
                    await gateway.send(chunk(call_id, seq))
            await watch.until(
                lambda: {("transcribe", call_id) for call_id in dead} <= watch.closed(),
                "end of the dead calls",
                timeout_s=LIMIT_S,
            )
            stop.set()
            await speaking
            await watch.until(
                lambda: {("transcribe", call_id) for call_id in live} <= watch.closed(),
                "end of the live calls",
                timeout_s=LIMIT_S,
            )
            deadline = time.monotonic() + LIMIT_S
            while await committed(kafka) != [end_of(watch, n) for n in range(kafka.partitions)]:
                assert time.monotonic() < deadline, "not everything was committed"

            for call_id in dead:
                assert [kind for kind, _ in markers_of(watch, call_id)] == ["stall", "stale"]
            for call_id in live:
                assert "stale" not in [kind for kind, _ in markers_of(watch, call_id)]
            limits = {"stall": STALL_S, "stale": STALE_S}
            for call_id in (*live, *dead):
                for kind, silent_s in markers_of(watch, call_id):
                    assert silent_s >= limits[kind] - 0.5  # of another clock than the worker's
