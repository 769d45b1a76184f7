"""Calls whose channels come in messages of their own."""

from collections.abc import Sequence

import msgspec

from schemas.audio import AudioChunk
from tests.support.calls.rough_calls import Chunks

SAMPLES_PER_MS = 8

Tracks = list[Chunks]


def tracks_of(chunks: Chunks) -> Tracks:
    """Return for each channel the chunks with its audio alone; none where it has none."""
    channels = len(chunks[0].payloads)
    return [[_only(chunk, n) for chunk in chunks if chunk.payloads[n]] for n in range(channels)]


def together(one: Chunks, other: Chunks) -> Chunks:
    """Return the chunks of two channels as one track."""
    return [
        msgspec.structs.replace(
            a, payloads=tuple(p or q for p, q in zip(a.payloads, b.payloads, strict=True))
        )
        for a, b in zip(one, other, strict=True)
    ]


def in_chunks_of(track: Chunks, count: int) -> Chunks:
    """Return a track with ``count`` chunks joined to one."""
    return [
        msgspec.structs.replace(
            track[n],
            payloads=tuple(
                b"".join(payloads)
                for payloads in zip(*(c.payloads for c in track[n : n + count]), strict=True)
            ),
        )
        for n in range(0, len(track), count)
    ]


def in_turn(
    tracks: Sequence[Chunks],
    *,
    late_ms: Sequence[int] = (),
    burst: int = 1,
    is_shared: bool = True,
    first_seq: int = 0,
) -> Chunks:
    """Return the chunks of tracks in the order in which their audio is complete.

    Args:
        tracks: One or more channels each.
        late_ms: By how much each track comes later.
        burst: Chunks of a track that come one after another.
        is_shared: The tracks count their chunks together.
        first_seq: Number of the first chunk.
    """
    late_ms = late_ms or (0,) * len(tracks)
    arrivals: list[tuple[int, int, int, AudioChunk]] = []
    for number, track in enumerate(tracks):
        for n, chunk in enumerate(track):
            last = track[min(n - n % burst + burst, len(track)) - 1]
            arrivals.append((_end_ms(last) + late_ms[number], number, n, chunk))
    arrivals.sort(key=lambda arrival: arrival[:3])
    return [
        msgspec.structs.replace(
            chunk,
            seq=first_seq + (place if is_shared else n),
            event_id=f"{chunk.call_id}/{number}/{n}",
        )
        for place, (_, number, n, chunk) in enumerate(arrivals)
    ]


def apart(chunks: Chunks, *, burst: int = 1, is_shared: bool = True, first_seq: int = 0) -> Chunks:
    """Return the chunks with each channel in a message of its own."""
    return in_turn(tracks_of(chunks), burst=burst, is_shared=is_shared, first_seq=first_seq)


def _only(chunk: AudioChunk, channel: int) -> AudioChunk:
    payloads = tuple(p if n == channel else b"" for n, p in enumerate(chunk.payloads))
    return msgspec.structs.replace(chunk, payloads=payloads)


def _end_ms(chunk: AudioChunk) -> int:
    return chunk.start_ms + max(map(len, chunk.payloads)) // SAMPLES_PER_MS
