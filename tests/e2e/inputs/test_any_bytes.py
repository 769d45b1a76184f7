"""Whatever bytes come in on whatever topic: the calls beside them are whole, and nobody ends."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import pytest

from schemas import catalogue
from schemas.errors import MalformedMessageError
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import TopicProducer, create_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from tests.contract.audio_examples import AUDIO_EXAMPLES
from tests.contract.examples import JSON_EXAMPLES, golden_path
from tests.support.system.fleet import Fleet
from tests.support.system.scenario import Begin, Broker

pytestmark = [pytest.mark.e2e, pytest.mark.own_topics]  # what is left on them has wrong keys

SEED = 11
EACH = 100  # inputs for each topic
MIB = 1 << 20
MAX_GROWTH_MIB = 150  # one unpacked batch of the largest size, twice while it is measured
TOPICS = (catalogue.AUDIO, catalogue.TRANSCRIPTS, catalogue.TURNS, catalogue.CHECKPOINTS)
EXTREMES: tuple[Any, ...] = (
    *(None, True, "", "x" * 300, "\x00\x1b[31m", -1, 0, 2**53, 2**63 - 1, 1e308),
    *([], {}, [[]] * 50, {"a": {"b": []}}, "😀" * 256),
)
Place = tuple[str, int, int]


def examples(topic: str) -> list[bytes]:
    """Return a message of each type of a topic, as bytes."""
    return [
        golden_path(message).read_bytes()
        for message in (*AUDIO_EXAMPLES, *JSON_EXAMPLES)
        if topic in (catalogue.topic_of(message), catalogue.CHECKPOINTS)
    ]


def inputs(topic: str, rng: random.Random) -> Iterator[bytes | None]:
    """Yield bytes for a topic: noise, damaged messages, messages with extreme values, none."""
    good = examples(topic)
    yield from (None, b"", b"\x00", b"[" * 50_000, b"\xdd\xff\xff\xff\xff", b'{"schema":1e999}')
    yield b" " * (3 * MIB)
    while True:
        yield rng.randbytes(rng.randrange(1, 400))
        yield damaged(rng.choice(good), rng)
        yield with_extremes(rng.choice(good), rng)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a message with some bytes changed, lost or doubled."""
    body = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(body) - 8)
        kind = rng.randrange(3)
        if kind == 0:
            body[at] = rng.randrange(256)
        elif kind == 1:
            del body[at : at + rng.randrange(1, 8)]
        else:
            body[at:at] = body[at : at + rng.randrange(1, 8)]
    return bytes(body)


def with_extremes(data: bytes, rng: random.Random) -> bytes:
    """Return a message some of whose fields hold values that hardly any message has."""
    is_json = data[:1] == b"{"
    value: Any = orjson.loads(data) if is_json else msgspec.msgpack.decode(data)
    keys: Any = [key for key in value if key != "schema"] if is_json else range(1, len(value))
    for key in rng.sample(list(keys), rng.randrange(1, 3)):
        value[key] = rng.choice(EXTREMES)
    return orjson.dumps(value) if is_json else msgspec.msgpack.encode(value)


def is_message(topic: str, value: bytes | None) -> bool:
    """Return whether the reader of a topic can decode this; machines may refuse it all the same."""
    try:
        catalogue.decode(topic, value or b"")
    except MalformedMessageError:
        return False
    return True


async def spread(producer: TopicProducer, partitions: int, run: str) -> dict[Place, bytes | None]:
    """Return what was put on each place of the topics."""
    rng = random.Random(SEED)
    placed = {}
    for topic in TOPICS:
        for number, value in zip(range(EACH), inputs(topic, rng), strict=False):
            keys = [b"", b"\xff\x00", f"any.{number}~{run}".encode()]
            needs_key = value is None or topic == catalogue.CHECKPOINTS  # it is compacted
            key = rng.choice(keys if needs_key else [None, *keys])
            partition = number % partitions
            sent = await producer.send_and_wait(
                topic,
                value,
                key=key,
                partition=partition,
                timestamp_ms=rng.choice([None, None, 0, 1]),
                headers=rng.choice([[], [("h" * 1_000, b"\xff" * 1_000)] * 10]),
            )
            placed[topic, partition, int(sent.offset)] = value
    return placed


async def letters(kafka: KafkaSettings) -> dict[Place, bytes | None]:
    """Return the dead letters by the place that they came from."""
    found: dict[Place, bytes | None] = {}
    starts = dict.fromkeys(range(kafka.partitions), BEGINNING)
    async for record in read_partitions(kafka, catalogue.DEAD_LETTERS, starts):
        headers = {name: value.decode() for name, value in record.headers}
        place = (headers["topic"], int(headers["partition"]), int(headers["offset"]))
        found[place] = record.value
    return found


async def test_any_bytes_on_any_topic_leave_the_calls_beside_them_whole(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    """Every one that is no message is a dead letter with its bytes, and no process ends."""
    kafka = broker.settings.kafka
    first = await fleet.start("first")
    producer = create_producer(kafka)
    await producer.start()
    try:
        async with begin() as run:
            await run.fed(4_000)
            placed = await spread(producer, kafka.partitions, run.watch.run)
            await run.fed(6_000)
            assert all(agent.is_running for agent in first.values())
            for agent in first.values():
                agent.kill()
            second = await fleet.start("second")  # it reads the checkpoints, and much again
            await run.assert_unchanged()
            assert all(agent.is_running for agent in second.values())
            bad = {
                place: value or None
                for place, value in placed.items()
                if place[0] != catalogue.CHECKPOINTS and not is_message(place[0], value)
            }
            found = await letters(kafka)
    finally:
        await producer.stop()

    assert len(bad) > EACH
    refused = {place: value or None for place, value in found.items() if place in bad}
    assert refused == bad


async def test_a_batch_that_unpacks_to_200_megabytes_is_a_dead_letter(
    broker: Broker, fleet: Fleet, begin: Begin
) -> None:
    """Described, since nobody has its records, and read past; the agent hardly grows."""
    kafka = broker.settings.kafka
    agents = await fleet.start("first")
    transcribe = agents["first.transcribe"]
    producer = create_producer(kafka)
    producer._max_request_size = 1 << 30  # the brokers see only how small it is
    await producer.start()
    try:
        async with begin("a", "b") as run:
            await run.fed(4_000)
            before_mib = transcribe.peak_mib()
            partition = run.feed.partition(next(iter(run.recorded)))
            sent = await producer.send_and_wait(
                catalogue.AUDIO, bytes(200 * MIB), key=b"bomb", partition=partition
            )
            await run.assert_unchanged()
            found = await letters(kafka)
    finally:
        await producer.stop()

    described = orjson.loads(found[catalogue.AUDIO, partition, int(sent.offset)] or b"")
    assert described["batch_last_offset"] == int(sent.offset)
    assert described["size"] < 300_000  # gzip packs zeros a thousandfold
    assert transcribe.is_running
    assert transcribe.peak_mib() - before_mib < MAX_GROWTH_MIB
