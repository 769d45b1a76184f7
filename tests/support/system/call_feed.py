"""Put calls on the audio topic, stretch by stretch, at any speed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec
from aiokafka.structs import RecordMetadata

from schemas import catalogue
from schemas.audio import AudioChunk, AudioMessage
from stream_app.settings import KafkaSettings
from stream_app.transport.clients import create_producer
from tests.support.waiting import moment

END_MS = 1 << 40
NS = 1_000_000_000


class CallFeed:
    """A gateway of several calls that began at the same moment; use it as a context manager.

    Args:
        calls: Messages by call id.
        speed: Times real time; None for as fast as possible.
        skews_s: How far off the clock of a call's gateway is.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        calls: Mapping[str, Sequence[AudioMessage]],
        *,
        speed: float | None = None,
        skews_s: Mapping[str, float] | None = None,
    ) -> None:
        self._skews_s = skews_s or {}
        self._due = sorted(
            (item for messages in calls.values() for item in _timed(messages)),
            key=lambda item: item[0],
        )
        self._producer = create_producer(kafka)
        self._sent: dict[str, asyncio.Future[RecordMetadata]] = {}
        self._speed = speed

    async def until(self, at_ms: int) -> None:
        """Send what every call holds up to ``at_ms``, and wait until it is durable."""
        began_ms = self._due[0][0] if self._due else 0
        began_s = time.monotonic()
        while self._due and self._due[0][0] <= at_ms:
            due_ms, message = self._due.pop(0)
            if self._speed is not None:
                await moment(began_s + (due_ms - began_ms) / 1000 / self._speed)
            captured_at_ns = time.time_ns() + int(self._skews_s.get(message.call_id, 0.0) * NS)
            self._sent[message.call_id] = await self._producer.send(
                catalogue.AUDIO,
                catalogue.encode(msgspec.structs.replace(message, captured_at_ns=captured_at_ns)),
                key=message.call_id.encode(),
            )
        await self._producer.flush()

    async def rest(self) -> None:
        """Send all that is left."""
        await self.until(END_MS)

    def partition(self, call_id: str) -> int:
        """Return the partition of a call that has begun, the same on every topic."""
        return int(self._sent[call_id].result().partition)

    async def raw(self, topic: str, partition: int, key: str, value: bytes | None) -> int:
        """Return the offset of bytes put on a topic as they are."""
        metadata = await self._producer.send_and_wait(
            topic, value, key=key.encode(), partition=partition
        )
        offset: int = metadata.offset
        return offset

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._producer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self._producer.stop()


def _timed(messages: Sequence[AudioMessage]) -> list[tuple[int, AudioMessage]]:
    """Return each message with the audio clock at which a gateway has it."""
    timed: list[tuple[int, AudioMessage]] = []
    now_ms = 0
    for message in messages:
        if isinstance(message, AudioChunk):
            now_ms = message.start_ms + len(message.payloads[0]) * 1000 // message.sample_rate_hz
        timed.append((now_ms, message))
    return timed
