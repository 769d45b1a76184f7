"""The messages of one poll of the consumer, as one event of Faust's stream; and their pace."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from faust.types import Message

FETCH_MIN_BYTES = 128 * 1024  # 150 calls send less while a fetch waits: its wait is what ends it
IDLE_FETCH_MAX_WAIT_MS = 200  # every fetch costs half a millisecond, also one that brings nothing


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


def set_fetch_pace(client: Any, wait_ms: int, *, is_idle: bool = False) -> None:
    """Set how long the next fetches wait, and for how much; Faust's driver has both fixed.

    A fetch is answered when its wait is over, with all that came meanwhile: that is the pace at
    which everything is read. In silence the first message is answered at once.

    Args:
        client: aiokafka's consumer before it starts, or its fetcher, which name both alike.
        wait_ms: Of a fetch while messages come.
        is_idle: None have come for a while.
    """
    vars(client).update(
        _fetch_max_wait_ms=max(wait_ms, IDLE_FETCH_MAX_WAIT_MS) if is_idle else wait_ms,
        _fetch_min_bytes=1 if is_idle else FETCH_MIN_BYTES,
    )
