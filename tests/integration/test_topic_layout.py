"""Only `topics create` makes topics, and an agent whose topics change says so and ends."""

import asyncio
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import KafkaError

from schemas.errors import BrokerError
from stream_app import topics
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport.broker import EmbeddedBroker
from stream_app.transport.clients import client_options, create_reader, start_producer
from stream_app.transport.layout import read_layout
from stream_app.worker import Supervisor
from tests.e2e.command_line import CALLSTREAM, environment
from tests.integration.traffic import TOY
from tests.kafka.cluster import KafkaCluster
from tests.kafka.cluster import create_topics as create_topics_on
from tests.kafka.running import running_cluster

pytestmark = pytest.mark.e2e
DEMO_CALL = Path(topics.__file__).parent / "assets" / "demo_call" / "call.wav"
LIMIT_S = 60.0
SETTINGS = Settings().replace(kafka={"partitions": 3, "request_timeout_s": 5.0})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka that creates every topic it is asked for, as it does by default."""
    with running_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        settings = cluster.settings(SETTINGS)
        asyncio.run(create_topics_on(settings.kafka))  # waits until the brokers are there
        yield cluster


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bare(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a broker that has no topics."""
    if request.param == "embedded":
        with EmbeddedBroker() as embedded:
            yield embedded.settings(SETTINGS)
        return
    cluster: KafkaCluster = request.getfixturevalue("cluster")
    settings = cluster.settings(SETTINGS)
    asyncio.run(delete(settings.kafka, *existing(settings.kafka)))
    yield settings


async def _with_admin(
    kafka: KafkaSettings, work: Callable[[AIOKafkaAdminClient], Awaitable[object]]
) -> object:
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        return await work(admin)
    finally:
        await admin.close()


async def delete(kafka: KafkaSettings, *names: str) -> None:
    """Delete topics and wait until no broker knows them."""
    if names:
        await _with_admin(kafka, lambda admin: admin.delete_topics(list(names)))
    deadline = time.monotonic() + LIMIT_S
    while set(await read_layout(kafka, topics.NAMES)) & set(names):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def widen(kafka: KafkaSettings, name: str, partitions: int) -> None:
    await _with_admin(
        kafka, lambda admin: admin.create_partitions({name: NewPartitions(partitions)})
    )


def existing(kafka: KafkaSettings) -> list[str]:
    """Return the names of all topics but those of the brokers themselves."""
    found = asyncio.run(_with_admin(kafka, lambda admin: admin.list_topics()))
    assert isinstance(found, list)
    return [name for name in found if not name.startswith("__")]


def callstream(kafka: KafkaSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CALLSTREAM, *arguments],
        env=environment(kafka),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [("replay", str(DEMO_CALL), "--speed", "max"), ("watch",)], ids=["replay", "watch"]
)
def test_a_command_without_topics_is_one_line_and_makes_none(
    bare: Settings, arguments: tuple[str, ...]
) -> None:
    """It used to leave a topic of one partition behind, with exit code 0."""
    result = callstream(bare.kafka, *arguments)

    assert result.returncode == 1
    assert result.stderr.startswith("callstream: no topic calls.")
    assert result.stderr.endswith(": run `callstream topics create` first\n")
    assert result.stderr.count("\n") == 1
    assert existing(bare.kafka) == []


async def test_neither_a_producer_nor_a_reader_makes_a_topic(bare: Settings) -> None:
    producer = await start_producer(bare.kafka)
    reader = create_reader(bare.kafka)
    try:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("calls.audio.v1", b"x")
        await reader.start()
        reader.subscribe(["calls.turns.v1"])
        await reader.getmany(timeout_ms=500)
    finally:
        await producer.stop()
        await reader.stop()

    assert await read_layout(bare.kafka, topics.NAMES) == {}


def test_other_partition_counts_are_named_and_nothing_is_created(bare: Settings) -> None:
    """One topic of another count would make the whole layout useless."""
    first = callstream(bare.kafka, "topics", "create")
    again = callstream(bare.kafka, "topics", "create")
    asyncio.run(delete(bare.kafka, topics.TURNS))
    other = bare.replace(kafka={"partitions": 5}).kafka
    result = callstream(other, "topics", "create")

    assert (first.returncode, first.stdout.count("with 3 partitions\n")) == (0, len(topics.TOPICS))
    assert (again.returncode, again.stdout) == (0, "all topics exist\n")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("callstream: partitions instead of 5: calls.audio.v1, ")
    assert "set CALLSTREAM_KAFKA__PARTITIONS=3" in result.stderr
    assert topics.TURNS not in existing(bare.kafka)


def test_unequal_counts_stop_every_command(bare: Settings) -> None:
    asyncio.run(topics.create_topics(bare.kafka))
    asyncio.run(widen(bare.kafka, topics.TURNS, 4))

    result = callstream(bare.kafka, "replay", str(DEMO_CALL), "--speed", "max")

    assert result.returncode == 1
    assert "must have equal partition counts" in result.stderr
    assert "calls.turns.v1 4" in result.stderr


async def deleted(kafka: KafkaSettings) -> None:
    await delete(kafka, topics.AUDIO)


async def recreated(kafka: KafkaSettings) -> None:
    await delete(kafka, topics.AUDIO)
    await topics.create_topics(kafka)


async def widened(kafka: KafkaSettings) -> None:
    await widen(kafka, topics.AUDIO, 5)


async def make_right(kafka: KafkaSettings) -> None:
    await delete(kafka, topics.AUDIO)
    await topics.create_topics(kafka)


def reasons(log: Path, event: str) -> list[str]:
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    events = [orjson.loads(line) for line in lines]
    return [str(each.get("reason")) for each in events if each["event"] == event]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (deleted, "calls.audio.v1 is gone"),
        (recreated, "calls.audio.v1 was deleted and created anew"),
        (widened, "calls.audio.v1 has 5 partitions instead of 3"),
    ],
)
def test_an_agent_whose_topic_changes_says_so_ends_and_comes_back(
    bare: Settings,
    tmp_path: Path,
    change: Callable[[KafkaSettings], Awaitable[None]],
    reason: str,
) -> None:
    """It used to be ready while it read nothing; it comes back once the topics are right."""
    asyncio.run(topics.create_topics(bare.kafka))
    log = tmp_path / "agent.log"
    with log.open("wb") as file, Supervisor(bare, [TOY], log_file=file) as supervisor:
        supervisor.wait_ready()
        first = supervisor.pid(TOY)
        asyncio.run(change(bare.kafka))  # type: ignore[arg-type]
        deadline = time.monotonic() + LIMIT_S
        while supervisor.pid(TOY) == first:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.05)
        assert reasons(log, "agent.stopped")[0].endswith(reason)
        if change is not recreated:
            with pytest.raises(BrokerError, match=topics.AUDIO):
                supervisor.wait_ready(4.0)
            asyncio.run(make_right(bare.kafka))
        supervisor.wait_ready()
