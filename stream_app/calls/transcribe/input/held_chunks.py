"""Chunks of a call that wait for their turn."""

import zlib
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from schemas.audio import AudioChunk

NO_AUDIO = b"-"  # so that the same audio on another channel is another chunk
MAX_HELD_CHUNKS = 100  # bounds the memory and the work of a call whose times are all wrong


@dataclass(frozen=True, slots=True)
class ArrivedChunk:
    """A chunk that was read; positions are samples, counted from the call's start.

    Attributes:
        offset: In the partition.
        start: Its first sample, by its ``start_ms``.
        samples: Its duration.
        heard: How much audio had been released when it came.
        digest: Of its number, time and audio: two chunks with equal ones are one chunk sent twice.
    """

    chunk: AudioChunk
    offset: int
    start: int
    samples: int
    heard: int
    digest: int

    @property
    def seq(self) -> int:
        """Return its number."""
        return self.chunk.seq

    @property
    def end(self) -> int:
        """Return the sample after its last one, by its own time."""
        return self.start + self.samples

    def begins_at(self, position: int, drift: int) -> bool:
        """Return whether its time says ``position``, to within ``drift`` or half its length."""
        return abs(self.start - position) <= min(drift, self.samples // 2)


def chunk_digest(chunk: AudioChunk) -> int:
    """Return 32 bits that distinguish a chunk from all others of its time."""
    digest = zlib.crc32(f"{chunk.seq}/{chunk.start_ms}".encode())
    for payload in chunk.payloads:
        digest = zlib.crc32(payload or NO_AUDIO, digest)
    return digest


class HeldInput(msgspec.Struct, frozen=True, array_like=True):
    """A chunk that waits.

    Attributes:
        offset: In the partition.
        heard: How much had been released before.
        channel: The one whose audio waits; -1 for all of them.
    """

    offset: int
    heard: int
    channel: int = -1


class HeldChunks:
    """Chunks that came before their turn, in the order of their time and number."""

    def __init__(self) -> None:
        self._chunks: list[ArrivedChunk] = []

    def __iter__(self) -> Iterator[ArrivedChunk]:
        """Return an iterator over them."""
        return iter(self._chunks)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._chunks)

    @property
    def samples(self) -> int:
        """Return how much audio they hold."""
        return sum(held.samples for held in self._chunks)

    @property
    def oldest(self) -> ArrivedChunk:
        """Return the one that came first."""
        return min(self._chunks, key=lambda held: held.offset)

    def add(self, arrived: ArrivedChunk) -> None:
        """Take in a chunk."""
        insort(self._chunks, arrived, key=lambda held: (held.start, held.seq))

    def remove(self, held: ArrivedChunk) -> None:
        """Remove a chunk."""
        self._chunks.remove(held)

    def remove_all(self) -> list[ArrivedChunk]:
        """Remove all chunks and return them."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def by_number(self) -> dict[int, ArrivedChunk]:
        """Return the chunks by their numbers; of two with one number the later one."""
        return {held.seq: held for held in self._chunks}

    def within(self, start: int, end: int) -> list[ArrivedChunk]:
        """Return the chunks that begin in [start, end)."""
        return [held for held in self._chunks if start <= held.start < end]

    def run_from(self, first: ArrivedChunk, drift: int, hole: int) -> list[ArrivedChunk]:
        """Return ``first`` and the chunks that follow on it by their times, holes bounded."""
        run = [first]
        for held in self._chunks:
            if held is first:
                continue
            end = run[-1].end
            if held.begins_at(end, drift) or end < held.start <= end + hole:
                run.append(held)
        return run
