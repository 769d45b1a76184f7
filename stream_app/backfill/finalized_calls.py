"""Finalized calls on their topic, found and read again.

The topic is read twice: first for where the wanted calls stand, then in pieces of bounded size, so
that no reader waits for a model and memory does not grow with the topic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.console import WorkProgress
from schemas.catalogue import FINALIZED, decode
from schemas.errors import MalformedMessageError
from schemas.turns import FinalizedCall
from stream_app.transport.log_reader import BEGINNING, read_partitions
from stream_app.transport.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from stream_app.settings import KafkaSettings

MAX_PIECE_CALLS = 256
MAX_PIECE_BYTES = 32 * 1024 * 1024


class Place(NamedTuple):
    """Where a message stands on the topic, and its size in bytes."""

    partition: int
    offset: int
    size: int


class Span(NamedTuple):
    """Calls from one moment to another, by when the brokers took them, in ms since 1970."""

    begin_ms: int
    end_ms: int


def pieces(
    places: Sequence[Place], *, calls: int = MAX_PIECE_CALLS, size: int = MAX_PIECE_BYTES
) -> Iterator[list[Place]]:
    """Yield places in pieces, each of one partition, in order, and of a bounded size.

    Args:
        places: Those of a partition in order.
        calls: Most places of a piece.
        size: Most bytes of a piece, unless one message alone has more.
    """
    piece: list[Place] = []
    for place in sorted(places):
        is_full = len(piece) == calls or sum(each.size for each in piece) + place.size > size
        if piece and (is_full or place.partition != piece[0].partition):
            yield piece
            piece = []
        piece.append(place)
    if piece:
        yield piece


async def places_of(kafka: KafkaSettings, span: Span) -> AsyncIterator[Place]:
    """Yield where the calls of a span stand.

    Raises:
        BrokerError: The brokers cannot be reached, or the topic does not exist.
    """
    layout = await check_topics(kafka, (FINALIZED,))
    starts = dict.fromkeys(range(layout[kafka.topic(FINALIZED)].partitions), BEGINNING)
    with WorkProgress(transient=True) as progress:
        row = progress.add_task(f"looking through {kafka.topic(FINALIZED)}", total=None)
        async for record in read_partitions(kafka, FINALIZED, starts):
            progress.advance(row)
            if span.begin_ms <= record.timestamp < span.end_ms:
                yield Place(record.partition, record.offset, len(record.value or b""))


async def read_calls(kafka: KafkaSettings, piece: Sequence[Place]) -> list[FinalizedCall]:
    """Return the calls of a piece that are still there and can be read."""
    partition, wanted = piece[0].partition, {place.offset for place in piece}
    found = []
    reading = read_partitions(
        kafka, FINALIZED, {partition: piece[0].offset}, {partition: piece[-1].offset + 1}
    )
    async for record in reading:
        if record.offset not in wanted:
            continue
        try:
            message = decode(FINALIZED, record.value or b"")
        except MalformedMessageError:
            continue
        if isinstance(message, FinalizedCall):
            found.append(message)
    return found
