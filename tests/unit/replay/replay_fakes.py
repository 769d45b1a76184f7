"""Recordings as bytes, and fakes of the clock and the topic."""

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.audio import AudioChunk, AudioMessage
from schemas.errors import BrokerError
from stream_app.replay.session import ReplayedCall

Samples = NDArray[np.int16]
WAV_HEADER_BYTES = 44


def tone(samples: int, *, hz: float = 300.0, rate: int = 8000) -> Samples:
    """Return a tone as 16-bit samples."""
    return (8000 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.int16)


@dataclass(frozen=True)
class WavHeader:
    """The fields of a WAV file's header.

    Attributes:
        promised: Bytes of samples by the header; as many as there are by default.
    """

    tag: int = 7
    channels: int = 1
    rate: int = 8000
    bits: int = 8
    promised: int | None = None
    extensible: bool = False

    def format_chunk(self) -> bytes:
        """Return the chunk that describes the samples."""
        block = self.channels * self.bits // 8
        outer = 0xFFFE if self.extensible else self.tag
        fields = (outer, self.channels, self.rate, self.rate * block, block, self.bits)
        chunk = struct.pack("<HHIIHH", *fields)
        if self.extensible:
            guid_tail = bytes.fromhex("000000001000800000aa00389b71")
            chunk += struct.pack("<HHIH", 22, self.bits, 0, self.tag) + guid_tail
        return chunk


def wav_bytes(data: bytes, **fields: Any) -> bytes:
    """Return a WAV file around ``data``, with these fields of `WavHeader`."""
    header = WavHeader(**fields)
    promised, fmt = header.promised, header.format_chunk()
    size = len(data) if promised is None else promised
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"LIST" + struct.pack("<I", 3) + b"abc\x00"  # an odd chunk between, padded
    body += b"data" + struct.pack("<I", size & 0xFFFFFFFF) + data
    riff = size if size in (0, 0xFFFFFFFF) and promised is not None else len(body)
    return b"RIFF" + struct.pack("<I", riff) + body


@dataclass
class FakeClock:
    """A clock that only moves when somebody sleeps or works."""

    now_ns: int = 1_000
    wall_offset_ns: int = 1_700_000_000_000_000_000
    sleeps: list[int] = field(default_factory=list)

    def monotonic_ns(self) -> int:
        """Return a time that never jumps."""
        return self.now_ns

    def wall_ns(self) -> int:
        """Return the Unix time."""
        return self.now_ns + self.wall_offset_ns

    async def sleep_ns(self, duration_ns: int) -> None:
        """Move on."""
        self.sleeps.append(duration_ns)
        self.now_ns += duration_ns
        await asyncio.sleep(0)

    def work(self, duration_ns: int) -> None:
        """Move on without a sleep."""
        self.now_ns += duration_ns


@dataclass
class FakeTopic:
    """Keeps what is published; fails on the message number ``fails_at``."""

    messages: list[AudioMessage] = field(default_factory=list)
    fails_at: int = -1
    flushes: int = 0

    async def publish(self, message: AudioMessage) -> None:
        """Keep the message."""
        if len(self.messages) == self.fails_at:
            raise BrokerError("the broker is gone")
        self.messages.append(message)

    async def flush(self) -> None:
        """Count it."""
        self.flushes += 1

    def of(self, call_id: str) -> list[AudioMessage]:
        """Return the messages of a call."""
        return [message for message in self.messages if message.call_id == call_id]

    def audio(self, call_id: str, channel: int = 0) -> bytes:
        """Return all audio of a channel."""
        chunks = [message for message in self.of(call_id) if isinstance(message, AudioChunk)]
        return b"".join(chunk.payloads[channel] for chunk in chunks)


@dataclass
class RecordingListener:
    """Keeps the progress that it follows."""

    outcomes: list[ReplayedCall] = field(default_factory=list)
    begun: list[tuple[str, int | None]] = field(default_factory=list)

    def started(self, call_id: str, total_ms: int | None) -> None:
        """Keep it."""
        self.begun.append((call_id, total_ms))

    def advanced(self, call_id: str, audio_ms: int) -> None:
        """Ignore it."""

    def finished(self, outcome: ReplayedCall) -> None:
        """Keep it."""
        self.outcomes.append(outcome)
