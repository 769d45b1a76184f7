"""The messages of one poll of the consumer, as one event of Faust's stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from faust.types import Message


class Stream(Protocol):
    """What the runtime needs of a Faust stream."""

    def noack(self) -> "Stream":
        """Leave the acknowledgements to us."""
        ...

    def events(self) -> AsyncIterator[Any]:
        """Return the events, each of which holds a `Poll`."""
        ...


class Poll(Message):
    """Messages of all partitions that pass through Faust's stream together.

    An event costs Faust some 70 us whatever it holds: this way that is paid for a poll and not
    for a message. A poll is never acknowledged, its messages are.

    Args:
        messages: At least one, of each partition in order.

    Attributes:
        is_taken: Set once the agent has begun with the messages; then the next poll may come.
    """

    __slots__ = ("is_taken", "messages")

    def __init__(self, messages: Sequence[Message]) -> None:
        first = messages[0]
        super().__init__(
            topic=first.topic,
            partition=first.partition,
            offset=first.offset,
            timestamp=first.timestamp,
            timestamp_type=first.timestamp_type,
            headers=None,
            key=None,
            value=b"",
            checksum=None,
            tp=first.tp,
            generation_id=first.generation_id,
        )
        self.messages = messages
        self.is_taken = asyncio.Event()

    def ack(self, consumer: Any, n: int = 1) -> bool:  # noqa: ARG002 - Faust's signature
        """Return False: nothing is acknowledged."""
        return False
