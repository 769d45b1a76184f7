"""The topic of dead letters: read from begin to end, and sent again from there."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import KafkaError

from models.console import WorkProgress
from schemas.catalogue import DEAD_LETTERS
from stream_app.dead_letters.letter import letter_of
from stream_app.transport.access.causes import broker_failure
from stream_app.transport.clients import start_producer
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.transport.stopping import stop_client
from stream_app.transport.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from stream_app.dead_letters.letter import Letter, Wanted
    from stream_app.settings import KafkaSettings
    from stream_app.transport.clients import TopicProducer

MAX_UNDER_WAY = 64  # messages that are not durable yet
NO_PARTITION = "the topic of its input has no such partition"
REPEATED = "sent again already, from another letter of the same input"


class Found(NamedTuple):
    """The newest letters, the oldest of them first, and how many there are in all."""

    letters: Sequence[Letter]
    total: int


class Replayed(NamedTuple):
    """What became of the letters that were asked for.

    Attributes:
        sent: How many were sent, by the topic of their input.
        left: How many were not, by why.
    """

    sent: Counter[str]
    left: Counter[str]


async def find_letters(kafka: KafkaSettings, wanted: Wanted, *, most: int) -> Found:
    """Return the newest letters that are asked for.

    Args:
        kafka: Where the brokers are.
        wanted: Which ones.
        most: How many at most.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    newest: dict[int, deque[Letter]] = {}  # by partition: each is in order of time
    total = 0
    async for letter in read_letters(kafka, wanted):
        total += 1
        newest.setdefault(letter.name.partition, deque(maxlen=most)).append(letter)
    every = sorted(
        (letter for letters in newest.values() for letter in letters),
        key=lambda letter: (letter.at_ms, letter.name),
    )
    return Found(every[-most:], total)


async def replay_letters(kafka: KafkaSettings, wanted: Wanted, *, is_dry: bool = False) -> Replayed:
    """Send inputs again: the same bytes, to their topic and partition, under their key.

    An input of which there are several letters is sent once.

    Args:
        kafka: Where the brokers are.
        wanted: Which ones.
        is_dry: Only count what would be sent.

    Raises:
        BrokerError: The brokers cannot be reached, or do not take a message.
    """
    await check_topics(kafka, (DEAD_LETTERS,))
    producer = None if is_dry else await start_producer(kafka)
    work = _Replay(kafka, producer)
    try:
        async for letter in read_letters(kafka, wanted):
            await work.take(letter)
        await work.finish()
    except KafkaError as error:
        what = f"after {work.done.sent.total()} letters no more could be sent"
        raise broker_failure(what, error, kafka.sasl_username) from error
    finally:
        if producer is not None:
            await stop_client(producer)
    return work.done


async def read_letters(kafka: KafkaSettings, wanted: Wanted) -> AsyncIterator[Letter]:
    """Yield the letters that are asked for, those of a partition in their order.

    What comes while it is read is not among them.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    layout = await check_topics(kafka, (DEAD_LETTERS,))
    partitions = list(range(layout[kafka.topic(DEAD_LETTERS)].partitions))
    if wanted.names:
        partitions = [n for n in partitions if n in {name.partition for name in wanted.names}]
    with WorkProgress(transient=True) as progress:
        row = progress.add_task(f"reading {kafka.topic(DEAD_LETTERS)}", total=None)
        starts = dict.fromkeys(partitions, BEGINNING)
        async for record in read_partitions(kafka, DEAD_LETTERS, starts):
            progress.advance(row)
            letter = letter_of(record, kafka.topic_prefix)
            if wanted.fits(letter):
                yield letter


class _Replay:
    """Sends letters one by one, a bounded number of them at a time.

    Args:
        kafka: Where the brokers are.
        producer: None to send nothing.
    """

    def __init__(self, kafka: KafkaSettings, producer: TopicProducer | None) -> None:
        self.done = Replayed(Counter(), Counter())
        self._kafka = kafka
        self._producer = producer
        self._partitions: dict[str, int] = {}
        self._seen: set[bytes] = set()
        self._under_way: list[asyncio.Future[object]] = []

    async def take(self, letter: Letter) -> None:
        """Send a letter, or count why it is not sent."""
        why = letter.obstacle or await self._obstacle(letter)
        if why:
            self.done.left[why] += 1
            return
        if self._producer is not None:
            sent = await self._producer.send(
                letter.topic, letter.value, key=letter.key, partition=letter.partition
            )
            self._under_way.append(sent)
            if len(self._under_way) == MAX_UNDER_WAY:
                await self.finish()
        self.done.sent[letter.topic] += 1

    async def finish(self) -> None:
        """Wait until all that was sent is durable."""
        under_way, self._under_way = self._under_way, []
        await asyncio.gather(*under_way)

    async def _obstacle(self, letter: Letter) -> str:
        topic = letter.topic
        if topic not in self._partitions:
            layout = await check_topics(self._kafka, (topic,))
            self._partitions[topic] = layout[self._kafka.topic(topic)].partitions
        if letter.partition >= self._partitions[topic]:
            return NO_PARTITION
        content = hashlib.sha256(letter.value or b"").digest()
        place = f"{topic} {letter.partition} ".encode() + (letter.key or b"") + content
        mark = hashlib.sha256(place).digest()
        if mark in self._seen:
            return REPEATED
        self._seen.add(mark)
        return ""
