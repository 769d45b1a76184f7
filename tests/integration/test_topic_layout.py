"""Only `topics create` makes topics, and an agent whose topics change says so and ends."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.errors import KafkaError

from schemas import catalogue
from stream_app.demo.session import DEMO_CALL
from stream_app.settings import KafkaSettings, Settings
from stream_app.transport import topics
from stream_app.transport.clients import create_reader, start_producer
from stream_app.transport.layout import read_layout
from stream_app.worker.supervisor import Supervisor
from tests.integration.traffic import (
    TOY,
    await_alerts,
    await_reason,
    committed,
    end,
    key,
    send,
    worker,
)
from tests.kafka.admin import create_alone, delete, existing, with_admin
from tests.support.system.command_line import callstream
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e
ON_KAFKA = pytest.param("kafka", marks=pytest.mark.kafka)


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
        reader.assign([TopicPartition("calls.turns.v1", 0)])
        await reader.getmany(timeout_ms=500)
    finally:
        await producer.stop()
        await reader.stop()

    assert await read_layout(bare.kafka, catalogue.NAMES) == {}


def test_other_partition_counts_are_named_and_nothing_is_created(bare: Settings) -> None:
    """One topic of another count would make the whole layout useless."""
    first = callstream(bare.kafka, "topics", "create")
    again = callstream(bare.kafka, "topics", "create")
    asyncio.run(delete(bare.kafka, catalogue.TURNS))
    other = bare.replace(kafka={"partitions": 5}).kafka
    result = callstream(other, "topics", "create")

    assert (first.returncode, first.stdout.count("with 3 partitions\n")) == (
        0,
        len(catalogue.TOPICS),
    )
    assert (again.returncode, again.stdout) == (0, "all topics exist\n")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("callstream: partitions instead of 5: calls.audio.v1, ")
    assert "set CALLSTREAM_KAFKA__PARTITIONS=3" in result.stderr
    assert catalogue.TURNS not in existing(bare.kafka)


def test_unequal_counts_stop_every_command(bare: Settings) -> None:
    asyncio.run(create_alone(bare.kafka, catalogue.TURNS, 4))
    others = [name for name in catalogue.NAMES if name != catalogue.TURNS]
    for name in others:
        asyncio.run(create_alone(bare.kafka, name, 3))

    result = callstream(bare.kafka, "replay", str(DEMO_CALL), "--speed", "max")

    assert result.returncode == 1
    assert "must have equal partition counts" in result.stderr
    assert "calls.turns.v1 4" in result.stderr


async def deleted(kafka: KafkaSettings) -> None:
    await delete(kafka, catalogue.AUDIO)


async def recreated(kafka: KafkaSettings) -> None:
    await delete(kafka, catalogue.AUDIO)
    await topics.create_topics(kafka)


async def widened(kafka: KafkaSettings) -> None:
    wider = {catalogue.AUDIO: NewPartitions(5)}
    await with_admin(kafka, lambda admin: admin.create_partitions(wider))


def events(log: Path, name: str) -> list[dict[str, object]]:
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    return [event for event in map(orjson.loads, lines) if event["event"] == name]


def end_by(
    change: Callable[[KafkaSettings], Coroutine[None, None, None]],
    settings: Settings,
    supervisor: Supervisor,
    log: Path,
) -> str:
    """Return the reason that an agent gives for its end after a change of its topics."""
    asyncio.run(topics.create_topics(settings.kafka))
    supervisor.start()
    supervisor.wait_ready()
    first = supervisor.pid(TOY)
    asyncio.run(change(settings.kafka))
    wait_until(lambda: supervisor.pid(TOY) != first, "end of the agent")
    return str(events(log, "agent.stopped")[0]["reason"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "agent.log"


@pytest.fixture
def agent(bare: Settings, log: Path) -> Iterator[Supervisor]:
    """The supervisor of an agent, not started yet."""
    with log.open("wb") as file:
        supervisor = Supervisor(bare, [TOY], log_file=file)
        yield supervisor
        supervisor.stop()
    print(log.read_text()[-6000:])


def test_an_agent_whose_topic_is_deleted_ends_until_it_is_there_again(
    bare: Settings, agent: Supervisor, log: Path
) -> None:
    """It used to be ready while it read nothing."""
    assert end_by(deleted, bare, agent, log).endswith("calls.audio.v1 is gone")
    await_reason(agent, "topics create")

    asyncio.run(topics.create_topics(bare.kafka))
    send(bare, key("c", 0), end("c"))
    agent.wait_ready()
    assert await_alerts(bare, "end", 1).count("end") == 1


def test_an_agent_whose_topic_is_created_anew_reads_the_new_one(
    bare: Settings, agent: Supervisor, log: Path
) -> None:
    """From its beginning: offsets of the old one mean nothing there."""
    reason = end_by(recreated, bare, agent, log)
    send(bare, key("c", 0), end("c"))
    agent.wait_ready()
    result = await_alerts(bare, "end", 1)

    assert reason.endswith("calls.audio.v1 was deleted and created anew")
    assert result.count("end") == 1


@pytest.mark.parametrize("bare", [ON_KAFKA], indirect=True)  # the embedded broker widens none
def test_an_agent_whose_topic_is_widened_ends_until_all_are(
    bare: Settings, agent: Supervisor, log: Path
) -> None:
    """The calls of the new partitions would never be read."""
    reason = end_by(widened, bare, agent, log)

    assert reason.endswith("calls.audio.v1 has 5 partitions instead of 3")
    await_reason(agent, "equal partition counts")


@pytest.mark.parametrize("bare", [ON_KAFKA], indirect=True)  # the embedded broker deletes nothing
def test_input_that_expired_unread_is_told(bare: Settings, agent: Supervisor, log: Path) -> None:
    """Retention took six messages that nobody had read; what is left is read on."""
    settings = bare.replace(kafka={"partitions": 1})
    asyncio.run(topics.create_topics(settings.kafka))
    with worker(settings) as first:
        first.wait_ready()
        send(settings, key("c", 0), end("c"))
        await_alerts(settings, "end", 1)
        wait_until(lambda: committed(settings)[0] == 2, "commit")
    send(settings, *(key("lost", number) for number in range(6)), key("d", 0), end("d"))
    until = {TopicPartition(catalogue.AUDIO, 0): RecordsToDelete(before_offset=8)}
    asyncio.run(with_admin(settings.kafka, lambda admin: admin.delete_records(until)))

    agent.start()
    agent.wait_ready()
    result = await_alerts(settings, "end", 2)

    (expired,) = events(log, "input.expired")
    assert (expired["partition"], expired["first"], expired["messages"]) == (0, 2, 6)
    assert result.count("sum") == 2
