"""The topics as the brokers have them: names, ids and partitions.

A topic that was deleted and created anew has its old name; only its id tells it apart.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import structlog
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options
from stream_app.transport.metadata_requests import NO_ID, LayoutRequest

LOOK_EVERY_S = 3.0
LOOKS = 2  # in a row that must agree: a broker that just came up may not know every topic
KNOWN_TIMEOUT_S = 10.0  # for all brokers to have heard of new topics
KNOWN_POLL_S = 0.05
_NOT_THERE = (UnknownTopicOrPartitionError, LeaderNotAvailableError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """A topic on the brokers.

    Attributes:
        id: Of this very topic; empty where the brokers tell none (Apache Kafka before 2.8).
    """

    partitions: int
    id: str = ""


Layout = Mapping[str, TopicLayout]
Look = Callable[[], Awaitable[Layout]]


@asynccontextmanager
async def layout_reader(kafka: KafkaSettings, names: Sequence[str]) -> AsyncIterator[Look]:
    """Yield what asks the brokers for those of the topics ``names`` that exist.

    A look raises `KafkaError` where no broker answers.

    Raises:
        BrokerError: No broker answers at the start.
    """
    async with _client(kafka) as client:

        async def look() -> Layout:
            return await _ask_any(client, names)

        yield look


async def read_layout(kafka: KafkaSettings, names: Sequence[str]) -> Layout:
    """Return those of the topics ``names`` that exist.

    Raises:
        BrokerError: The brokers cannot be reached, or tell nothing of the topics.
    """
    async with layout_reader(kafka, names) as look:
        try:
            return await look()
        except KafkaError as error:
            raise broker_failure(
                "the topics cannot be looked up", error, kafka.sasl_username
            ) from error


async def await_known(kafka: KafkaSettings, names: Sequence[str]) -> None:
    """Return once every broker knows the topics, or after some seconds.

    A broker answers for a new topic a moment after its controller has created it.
    """
    async with _client(kafka) as client:
        try:
            async with asyncio.timeout(KNOWN_TIMEOUT_S):
                for broker in client.cluster.brokers():
                    await _await_known_to(client, broker.nodeId, names)
        except (KafkaError, TimeoutError) as error:
            log.warning("topics.not_known_everywhere", reason=repr(error))


def partitions_of(
    layout: Layout, kafka: KafkaSettings, names: Sequence[str]
) -> list[TopicPartition]:
    """Return the partitions of topics of the catalogue, under their names there."""
    return [
        TopicPartition(name, number)
        for name in names
        for number in range(layout[kafka.topic(name)].partitions)
    ]


def changes(before: Layout, now: Layout) -> tuple[str, ...]:
    """Return what has become of the topics that were there before, a clause for each."""
    return tuple(
        change for name in before if (change := _change(name, before[name], now.get(name)))
    )


async def watch_layout(
    look: Look, before: Layout, *, wait: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> tuple[str, ...]:
    """Return what has changed, as soon as two looks in a row find it.

    Args:
        look: Returns what is there now; raises `KafkaError` if no broker knows.
        before: What was there when the work began.
        wait: Sleeps between two looks.
    """
    found: list[tuple[str, ...]] = []
    while len(found) < LOOKS or not found[-1]:
        await wait(LOOK_EVERY_S)
        try:
            seen = changes(before, await look())
        except KafkaError as error:
            log.debug("topics.not_looked_up", reason=repr(error))
            continue
        found = [seen] if not found or found[-1] != seen else [*found, seen][-LOOKS:]
    return found[-1]


async def fail_on_change(kafka: KafkaSettings, layout: Layout) -> NoReturn:
    """Watch the topics until cancelled.

    Raises:
        BrokerError: One of them is gone, or is not what it was in ``layout``.
    """
    async with layout_reader(kafka, tuple(layout)) as look:
        found = await watch_layout(look, layout)
    raise BrokerError(f"the topics have changed: {', '.join(found)}")


def _change(name: str, before: TopicLayout, now: TopicLayout | None) -> str:
    if now is None:
        return f"{name} is gone"
    if before.id and now.id and now.id != before.id:
        return f"{name} was deleted and created anew"
    if now.partitions != before.partitions:
        return f"{name} has {now.partitions} partitions instead of {before.partitions}"
    return ""


@asynccontextmanager
async def _client(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaClient]:
    options = client_options(kafka)
    await check_brokers(options)
    client = AIOKafkaClient(**options)
    try:
        await _connect(client, kafka)
        yield client
    finally:
        await client.close()


async def _connect(client: AIOKafkaClient, kafka: KafkaSettings) -> None:
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        raise broker_failure("the brokers fail", error, kafka.sasl_username) from error


async def _await_known_to(client: AIOKafkaClient, node: int, names: Sequence[str]) -> None:
    while True:
        layout = await _ask(client, node, names)
        if len(layout) == len(names):
            return
        await asyncio.sleep(KNOWN_POLL_S)


async def _ask_any(client: AIOKafkaClient, names: Sequence[str]) -> Layout:
    """Return what the first broker says that knows all topics, else the one that knows most.

    A broker that has just started lags behind: what it does not know may be there all the same.
    """
    failure: KafkaError = KafkaConnectionError("no broker is known")
    layouts: list[Layout] = []
    brokers = list(client.cluster.brokers())
    for broker in random.sample(brokers, len(brokers)):
        try:
            layouts.append(await _ask(client, broker.nodeId, names))
        except KafkaError as error:
            failure = error
        else:
            if len(layouts[-1]) == len(names):
                break
    if not layouts:
        raise failure
    return max(layouts, key=len)


async def _ask(client: AIOKafkaClient, node: int, names: Sequence[str]) -> Layout:
    response = await client.send(node, LayoutRequest(names))
    found = {}
    for topic in response.to_object()["topics"]:
        error = for_code(topic["error_code"])
        if topic["partitions"]:
            identity = topic.get("topic_id", NO_ID)
            known = "" if identity == NO_ID else identity.hex()
            found[topic["topic"]] = TopicLayout(len(topic["partitions"]), known)
        elif error not in _NOT_THERE:
            raise error(topic["topic"])
    return {name: found[name] for name in names if name in found}
