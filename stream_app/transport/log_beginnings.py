"""Where the logs of partitions begin: what lies before has expired."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0
KNOWN_FOR_S = 1.0  # holes of transactions come with every one of them


async def beginnings_of(
    client: Any, committed: Mapping[TopicPartition, int | None]
) -> Mapping[TopicPartition, int]:
    """Return where logs begin; of partitions with a committed offset only if that is known soon.

    Args:
        client: A consumer of aiokafka.
        committed: The committed offset of each partition, None without one.

    Raises:
        KafkaError: The brokers do not say it of a partition without an offset.
    """
    fresh = [partition for partition, offset in committed.items() if offset is None]
    others = [partition for partition in committed if partition not in fresh]
    found = dict(await client.beginning_offsets(fresh)) if fresh else {}
    return found | dict(await beginnings_if_known(client, others) if others else {})


async def beginnings_if_known(
    client: Any, partitions: Iterable[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Return where logs begin; none of them if the brokers do not say soon.

    Args:
        client: A consumer of aiokafka.
        partitions: Of the logs.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found: Mapping[TopicPartition, int] = await client.beginning_offsets(list(partitions))
    except (KafkaError, TimeoutError) as error:
        log.warning("log.beginnings_unknown", reason=repr(error))
        return {}
    return found


class Expiry:
    """Tells input that expired unread from offsets that never were messages.

    The commit markers of transactions have offsets, as have records that compaction took away.

    Args:
        ask: Returns where the log of a partition begins, None if that cannot be known.
    """

    def __init__(self, ask: Callable[[TP], Awaitable[int | None]]) -> None:
        self._ask = ask
        self._known: dict[TP, tuple[float, int | None]] = {}

    async def expired(self, tp: TP, first: int, end: int) -> int:
        """Return how many of the offsets from ``first`` up to ``end`` expired.

        All of them, if nobody knows: rather told once too often.
        """
        asked_s, begin = self._known.get(tp, (0.0, None))
        if time.monotonic() - asked_s > KNOWN_FOR_S or not asked_s:
            begin = await self._ask(tp)
            self._known[tp] = (time.monotonic(), begin)
        return end - first if begin is None else max(min(begin, end) - first, 0)
