"""All messages of a topic, as far as it goes now: for reports and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.console import WorkProgress
from schemas import catalogue
from schemas.errors import MalformedMessageError
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.transport.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from schemas.audio import AudioMessage
    from schemas.base import Message
    from stream_app.settings import KafkaSettings


class Stamped(NamedTuple):
    """A message and when the brokers took it, in ms since 1970."""

    message: Message | AudioMessage
    at_ms: int


async def read_topic(kafka: KafkaSettings, name: str) -> AsyncIterator[Stamped]:
    """Yield the messages of a topic, those of a call in order; ones that cannot be read are not.

    Args:
        kafka: Where the brokers are.
        name: Of the topic in the catalogue.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    layout = await check_topics(kafka, (name,))
    starts = dict.fromkeys(range(layout[kafka.topic(name)].partitions), BEGINNING)
    with WorkProgress(transient=True) as progress:
        row = progress.add_task(f"reading {kafka.topic(name)}", total=None)
        async for record in read_partitions(kafka, name, starts):
            progress.advance(row)
            try:
                yield Stamped(catalogue.decode(name, record.value or b""), record.timestamp)
            except MalformedMessageError:
                continue  # no reader of ours takes it, so nobody counted on it
