"""Recordings as bytes, and fakes of the clock and the topic."""

import asyncio
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.audio import AudioChunk, AudioMessage
from schemas.errors import BrokerError
from stream_app.replay.formats.sources import AudioSource
from stream_app.replay.session import ReplayedCall

Samples = NDArray[np.int16]
WAV_HEADER_BYTES = 44


def tone(samples: int, *, hz: float = 300.0, rate: int = 8000) -> Samples:
    """Return a tone as 16-bit samples."""
    return (8000 * np.sin(2 * np.pi * hz * np.arange(samples) / rate)).astype(np.int16)


def everything(source: AudioSource, step: int = 700) -> list[bytes]:
    """Return all audio of every channel, and close the source."""
    channels = [b""] * source.format.channels
    while block := source.read(step):
        channels = [old + new for old, new in zip(channels, block, strict=True)]
    source.close()
    return channels


def pcm(channel: bytes) -> Samples:
    """Return the samples of a PCM16 payload."""
    return np.frombuffer(channel, dtype="<i2")


def correlation(one: Samples, other: Samples) -> float:
    """Return how alike two signals are, as far as the shorter one goes."""
    length = min(len(one), len(other))
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


@dataclass(frozen=True)
class WavHeader:
    """The fields of a WAV file's header.

    Attributes:
        promised: Bytes of samples by the header; as many as there are by default.
        riff: Bytes of the file by the header; by default as many as there are, or what
            ``promised`` says where writers to a pipe say the same of both.
        kind: ``RIFF``, ``RF64`` or ``BW64``.
        block: Bytes of a frame by the header; those of ``bits`` by default.
        between: Chunks between the format and the samples; by default an odd one, padded.
    """

    tag: int = 7
    channels: int = 1
    rate: int = 8000
    bits: int = 8
    promised: int | None = None
    riff: int | None = None
    kind: bytes = b"RIFF"
    block: int | None = None
    extensible: bool = False
    between: bytes = b"LIST\x03\x00\x00\x00abc\x00"

    def format_chunk(self) -> bytes:
        """Return the chunk that describes the samples."""
        block = self.channels * self.bits // 8 if self.block is None else self.block
        outer = 0xFFFE if self.extensible else self.tag
        fields = (outer, self.channels, self.rate, self.rate * block, block, self.bits)
        content = struct.pack("<HHIIHH", *fields)
        if self.extensible:
            guid_tail = bytes.fromhex("000000001000800000aa00389b71")
            content += struct.pack("<HHIH", 22, self.bits, 0, self.tag) + guid_tail
        return chunk(b"fmt ", content)

    def riff_bytes(self, there: int) -> int:
        """Return what the header says of the file, of which ``there`` bytes follow."""
        if self.riff is not None:
            return self.riff
        return self.promised if self.promised in (0, 0xFFFFFFFF) else there


def chunk(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk with its pad byte; its header says ``size``."""
    said = len(content) if size is None else size
    return kind + struct.pack("<I", said) + content + b"\x00" * (len(content) % 2)


def riff_bytes(body: bytes, size: int | None = None, kind: bytes = b"RIFF") -> bytes:
    """Return a WAV file with these chunks, whose header says ``size``."""
    return kind + struct.pack("<I", len(body) + 4 if size is None else size) + b"WAVE" + body


def wav_bytes(data: bytes, **fields: Any) -> bytes:
    """Return a WAV file around ``data``, with these fields of `WavHeader`."""
    header = WavHeader(**fields)
    promised = len(data) if header.promised is None else header.promised
    body = header.format_chunk() + header.between
    body += b"data" + struct.pack("<I", promised) + data
    return riff_bytes(body, header.riff_bytes(len(body) + 4), header.kind)


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
