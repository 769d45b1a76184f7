"""Topics made and unmade behind the back of a system."""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_app.settings import KafkaSettings
from stream_app.transport.clients import client_options
from stream_app.transport.layout import await_known, read_layout
from tests.support.waiting import until


async def with_admin(
    kafka: KafkaSettings, work: Callable[[AIOKafkaAdminClient], Awaitable[object]]
) -> object:
    """Return what ``work`` makes of a connected client."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        return await work(admin)
    finally:
        await admin.close()


async def delete(kafka: KafkaSettings, *names: str) -> None:
    """Delete topics and wait until no broker knows them."""
    if names:
        await with_admin(kafka, lambda admin: admin.delete_topics(list(names)))

    async def are_gone() -> bool:
        return not await read_layout(kafka, names)

    await until(are_gone, f"end of {names}")


async def create_alone(kafka: KafkaSettings, name: str, partitions: int) -> None:
    """Create one topic as somebody would who does not know the table."""
    topic = NewTopic(name, partitions, kafka.replication_factor)
    await with_admin(kafka, lambda admin: admin.create_topics([topic]))
    await await_known(kafka, [name])


def existing(kafka: KafkaSettings) -> list[str]:
    """Return the names of all topics but those of the brokers themselves."""
    found = asyncio.run(with_admin(kafka, lambda admin: admin.list_topics()))
    assert isinstance(found, list)
    return [name for name in found if not name.startswith("__")]
