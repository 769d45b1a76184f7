"""Stopping of Kafka clients, with or without their broker."""

import asyncio
from typing import Protocol

STOP_TIMEOUT_S = 5.0


class Client(Protocol):
    """A producer or consumer of aiokafka."""

    async def stop(self) -> None:
        """Send what is to be sent, and disconnect."""
        ...


async def stop_client(client: Client) -> None:
    """Stop ``client``, for some seconds at most.

    Without a broker aiokafka's stop may hang, raise, or raise CancelledError without having been
    cancelled. All of that is ignored: the caller has flushed before.
    """
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=STOP_TIMEOUT_S)
    if not stopping.done():
        stopping.cancel()
    elif not stopping.cancelled():
        stopping.exception()
