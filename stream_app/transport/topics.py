"""The topics of the catalogue on the brokers: created, described, compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.catalogue import NAMES, TOPICS, TopicSpec
from schemas.errors import BrokerError
from stream_app.settings import KafkaSettings
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.access.check import check_brokers
from stream_app.transport.clients import client_options
from stream_app.transport.layout import Layout, await_known, read_layout


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the brokers have it.

    Attributes:
        name: On the brokers.
        partitions: 0 where the topic does not exist.
        config: Settings that the brokers report; empty where they report none.
        differences: What is not as wanted, one line each.
    """

    spec: TopicSpec
    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str]
    differences: tuple[str, ...]


async def create_topics(kafka: KafkaSettings) -> tuple[str, ...]:
    """Return the names of the topics that did not exist and now do.

    Raises:
        BrokerError: The brokers cannot be reached, refuse a topic, or have one with another
            partition count: then none is created.
    """
    names = _names(kafka)
    found = await read_layout(kafka, names)
    wrong = [name for name in found if found[name].partitions != kafka.partitions]
    if wrong:
        raise BrokerError(_wrong_counts(found, wrong, kafka.partitions))
    missing = [spec for spec in TOPICS if kafka.topic(spec.name) not in found]
    if missing:
        await _create(kafka, missing)
        await await_known(kafka, names)
    return tuple(kafka.topic(spec.name) for spec in missing)


async def describe_topics(kafka: KafkaSettings) -> tuple[TopicState, ...]:
    """Return the state of every topic of the table, in its order.

    Raises:
        BrokerError: The brokers cannot be reached.
    """
    layout = await read_layout(kafka, _names(kafka))  # a list would lack what is forbidden to us
    names = list(layout)
    admin = await _connect(kafka)
    try:
        found = {topic["topic"]: topic for topic in await admin.describe_topics(names)}
        configs = await _configs(admin, names)
    except KafkaError as error:
        raise broker_failure("topics cannot be described", error, kafka.sasl_username) from error
    finally:
        await admin.close()
    return tuple(
        _state(spec, found.get(name), configs.get(name, {}), kafka)
        for spec, name in zip(TOPICS, _names(kafka), strict=True)
    )


async def check_topics(kafka: KafkaSettings, needed: Sequence[str] = ()) -> Layout:
    """Return the topics as they are on the brokers, if all exist with equal partition counts.

    Args:
        kafka: How to reach the brokers.
        needed: Topics of the catalogue. If one is missing, the error names no others.

    Raises:
        BrokerError: One is missing, or the counts differ; the message says what to do.
    """
    names = _names(kafka)
    layout = await read_layout(kafka, names)
    missing = [name for name in map(kafka.topic, needed) if name not in layout]
    missing = missing or [name for name in names if name not in layout]
    if missing:
        message = f"no topic {', '.join(missing)}: run `callstream topics create` first"
        raise BrokerError(message)
    if len({topic.partitions for topic in layout.values()}) > 1:
        counts = ", ".join(f"{name} {layout[name].partitions}" for name in names)
        raise BrokerError(f"the topics must have equal partition counts, but have: {counts}")
    return layout


def _names(kafka: KafkaSettings) -> tuple[str, ...]:
    """Return what the brokers call the topics of the table, in its order."""
    return tuple(map(kafka.topic, NAMES))


async def _create(kafka: KafkaSettings, missing: Sequence[TopicSpec]) -> None:
    admin = await _connect(kafka)
    try:
        response = await admin.create_topics(
            [
                NewTopic(
                    kafka.topic(spec.name),
                    kafka.partitions,
                    kafka.replication_factor,
                    topic_configs=spec.config,
                )
                for spec in missing
            ]
        )
        _check(response.topic_errors)
    except KafkaError as error:
        raise broker_failure("topics cannot be created", error, kafka.sasl_username) from error
    finally:
        await admin.close()


def _wrong_counts(found: Layout, wrong: Sequence[str], wanted: int) -> str:
    counts = sorted({topic.partitions for topic in found.values()})
    differences = "; ".join(
        f"{', '.join(name for name in wrong if found[name].partitions == count)}: {count}"
        for count in counts
        if count != wanted
    )
    advice = "delete these topics, which loses what is on them, and run this again"
    if len(counts) == 1:
        advice = f"set CALLSTREAM_KAFKA__PARTITIONS={counts[0]}, or {advice}"
    return f"partitions instead of {wanted}: {differences}; nothing was created: {advice}"


async def _connect(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    options = client_options(kafka)
    await check_brokers(options)
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        await admin.close()
        raise broker_failure("the brokers fail", error, kafka.sasl_username) from error
    return admin


def _check(topic_errors: Sequence[Sequence[Any]]) -> None:
    for name, code, *rest in topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            detail = next((part for part in rest if part), "")
            raise BrokerError(f"topic {name} cannot be created: {error.__name__} {detail}")


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _state(
    spec: TopicSpec,
    metadata: dict[str, Any] | None,
    config: dict[str, str],
    kafka: KafkaSettings,
) -> TopicState:
    name = kafka.topic(spec.name)
    if metadata is None:
        return TopicState(spec, name, 0, 0, {}, ("does not exist",))
    partitions = metadata["partitions"]
    replicas = min((len(part["replicas"]) for part in partitions), default=0)
    differences = []
    if len(partitions) != kafka.partitions:
        differences.append(f"{len(partitions)} partitions instead of {kafka.partitions}")
    if replicas != kafka.replication_factor:
        differences.append(f"{replicas} replicas instead of {kafka.replication_factor}")
    differences += [
        f"{key} is {config[key]} instead of {wanted}"
        for key, wanted in spec.config.items()
        if key in config and not _same(config[key], wanted)
    ]
    known = {key: config[key] for key in spec.config if key in config}
    return TopicState(spec, name, len(partitions), replicas, known, tuple(differences))


def _same(actual: str, wanted: str) -> bool:
    return sorted(actual.split(",")) == sorted(wanted.split(","))
