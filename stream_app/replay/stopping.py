"""Stop Kafka clients whatever has become of their broker."""

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

    Without a broker aiokafka's stop may hang, raise, or raise CancelledError although nobody
    cancelled; what was to be delivered has been flushed before, so none of it matters.
    """
    stopping = asyncio.ensure_future(client.stop())
    await asyncio.wait({stopping}, timeout=STOP_TIMEOUT_S)
    if not stopping.done():
        stopping.cancel()
    elif not stopping.cancelled():
        stopping.exception()
