"""Topics read as by any Kafka consumer: no group, no Faust."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Never

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.audio import AudioMessage
from schemas.base import Message
from schemas.codec import decode_audio, decode_json
from schemas.errors import BrokerError, MalformedMessageError
from schemas.operations import Alert
from schemas.transcripts import TranscriptTopicMessage
from schemas.turns import FinalizedTopicMessage, TurnTopicMessage
from stream_app import topics
from stream_app.replay.stopping import stop_client
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import create_reader
from stream_app.transport.layout import fail_on_change

RESULT_TOPICS = (topics.TRANSCRIPTS, topics.TURNS, topics.FINALIZED, topics.ALERTS)
_JSON_TYPES: dict[str, Any] = {
    topics.TRANSCRIPTS: TranscriptTopicMessage,
    topics.TURNS: TurnTopicMessage,
    topics.FINALIZED: FinalizedTopicMessage,
    topics.ALERTS: Alert,
}
_PIPELINE_ORDER = {
    name: place
    for place, name in enumerate((topics.AUDIO, topics.TRANSCRIPTS, topics.TURNS, topics.FINALIZED))
}
_POLL_MS = 100


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a consumer got it.

    Attributes:
        message: None for a dead letter and for what cannot be decoded.
        arrived_at_ns: Wall clock (Unix, ns) of the consumer.
    """

    topic: str
    key: str
    message: Message | AudioMessage | None
    arrived_at_ns: int


class Follower:
    """A consumer of all partitions of some topics.

    Args:
        consumer: Has its partitions already.
        changing: Fails when the topics are no more what they were.
    """

    def __init__(self, consumer: AIOKafkaConsumer, changing: "asyncio.Future[Never]") -> None:
        self._consumer = consumer
        self._changing = changing

    async def next_batch(self) -> list[Arrival]:
        """Return what has come, oldest first, waiting a moment for it; may be empty.

        Raises:
            BrokerError: The broker is gone, or the topics have changed.
        """
        if self._changing.done():
            self._changing.result()
        try:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
        except KafkaError as error:
            raise BrokerError(f"the topics cannot be read any further: {error}") from error
        now_ns = time.time_ns()
        records = [record for records in batches.values() for record in records]
        records.sort(key=_age)
        return [_arrival(record, now_ns) for record in records]


@asynccontextmanager
async def follow(
    kafka: KafkaSettings, names: tuple[str, ...], *, is_from_beginning: bool
) -> AsyncIterator[Follower]:
    """Yield a follower of the topics ``names``, from their beginning or from now on.

    Raises:
        BrokerError: No broker answers, or the topics are not as they should be.
    """
    layout = await topics.check_topics(kafka, names)
    changing = asyncio.create_task(fail_on_change(kafka, layout))
    partitions = [
        TopicPartition(name, number) for name in names for number in range(layout[name].partitions)
    ]
    consumer = create_reader(kafka)
    try:
        await _start(consumer, kafka)
        consumer.assign(partitions)
        if not is_from_beginning:
            await consumer.seek_to_end(*partitions)
        yield Follower(consumer, changing)
    finally:
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        await stop_client(consumer)


async def _start(consumer: AIOKafkaConsumer, kafka: KafkaSettings) -> None:
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        raise BrokerError(f"no broker answers at {kafka.bootstrap_servers}") from error


def _age(record: Any) -> tuple[int, int]:
    """Return when a message was produced; of one millisecond, causes go before effects."""
    return record.timestamp, _PIPELINE_ORDER.get(record.topic, len(_PIPELINE_ORDER))


def _arrival(record: Any, now_ns: int) -> Arrival:
    key = (record.key or b"").decode(errors="replace")
    return Arrival(record.topic, key, _decoded(record.topic, record.value or b""), now_ns)


def _decoded(topic: str, data: bytes) -> Message | AudioMessage | None:
    try:
        if topic == topics.AUDIO:
            return decode_audio(data)
        message: Message | None = decode_json(data, _JSON_TYPES[topic])
    except (MalformedMessageError, KeyError):
        return None
    return message
