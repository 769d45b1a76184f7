"""Layout of WAV files: where the samples lie, whatever the header says of their length.

Writers that stream or die leave a length of 0 or a placeholder; some forget the pad byte after an
odd chunk. Sources: Multimedia Programming Interface and Data Specifications 1.0 (RIFF WAVE),
WAVEFORMATEXTENSIBLE, whose sub-format GUID begins with the format tag, and EBU Tech 3306 (RF64).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from schemas.errors import AudioFormatError

_FORMAT_PCM = 1
_FORMAT_ALAW = 6
_FORMAT_MULAW = 7
_FORMAT_EXTENSIBLE = 0xFFFE
_TAG_NAMES = {_FORMAT_PCM: "pcm", _FORMAT_ALAW: "alaw", _FORMAT_MULAW: "mulaw"}
_CHUNK_HEADER = struct.Struct("<4sI")
_FORMAT_CHUNK = struct.Struct("<HHIIHH")
_DS64_CHUNK = struct.Struct("<QQ")  # bytes of the file, bytes of samples
_SUBFORMAT_OFFSET = 24  # after the 16 bytes of a plain format: size, valid bits, channel mask
_FORMAT_BYTES_READ = 1_024  # the longest in use, of an ADPCM, has 50
_MAX_CHUNKS = 10_000  # before the samples; far more than writers make
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # in the header, from writers to a pipe
_SIZE_LIMITS = (0x80000000, 0xFFFFFFFF)  # placeholders lie on them or up to 64 KiB below
_PLACEHOLDER_SPAN = 0x10000
_RIFF_HEADER_BYTES = 12
_KIND_BYTES = 4
_KINDS = frozenset(
    (b"data", b"fmt ", b"fact", b"LIST", b"JUNK", b"junk", b"bext", b"PEAK", b"cue ", b"ds64")
)

Length = Literal["stated", "cut", "streamed", "unfinished"]


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Where a WAV file has its samples.

    Attributes:
        coding: ``pcm``, ``mulaw``, ``alaw``, or empty for others.
        bits: Of a sample's container; whole bytes for ``pcm``.
        format_chunk: As it stands in the file.
        data_bytes: Bytes of samples that the file really holds.
        promised_bytes: What the header says; 0 where it says nothing.
        length: ``stated`` by the header; ``cut`` short of what it says; ``streamed``, where the
            header has a placeholder; ``unfinished``, where it says 0 though samples follow.
    """

    coding: str
    channels: int
    sample_rate_hz: int
    bits: int
    format_chunk: bytes
    data_offset: int
    data_bytes: int
    promised_bytes: int
    length: Length


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    size: int
    start: int  # of its content


def read_layout(path: Path) -> WavLayout | None:
    """Return the layout of ``path``, or None if it is not a little-endian WAVE file.

    Raises:
        AudioFormatError: Its header does not end.
    """
    with path.open("rb") as file:
        header = file.read(_RIFF_HEADER_BYTES)
        if header[:4] not in (b"RIFF", b"RF64", b"BW64") or header[8:] != b"WAVE":
            return None
        riff_bytes = struct.unpack_from("<I", header, 4)[0]
        return _Reader(file, path.stat().st_size, riff_bytes).layout()


class _Reader:
    """Reads the chunks of one file."""

    def __init__(self, file: BinaryIO, file_bytes: int, riff_bytes: int) -> None:
        self._file = file
        self._file_bytes = file_bytes
        self._riff_bytes = riff_bytes
        self._long_bytes = 0  # of the samples, where 32 bits do not hold it

    def layout(self) -> WavLayout | None:
        """Return the layout, or None where the format or the samples are missing."""
        format_chunk, samples = b"", None
        may_go_on = True
        for chunk in self._chunks(_RIFF_HEADER_BYTES):
            if chunk.kind == b"ds64":
                content = self._content(chunk, _DS64_CHUNK.size)
                if len(content) == _DS64_CHUNK.size:
                    self._long_bytes = _DS64_CHUNK.unpack(content)[1]
            elif chunk.kind == b"fmt " and not format_chunk:
                format_chunk = self._content(chunk, _FORMAT_BYTES_READ)
            elif chunk.kind == b"data" and (samples is None or samples.size == 0):
                samples = chunk  # an empty one may stand before the one with samples
                may_go_on = chunk.size == 0 and self._ends_in_chunks(chunk.start)
            if format_chunk and samples is not None and not may_go_on:
                break
        return None if samples is None else self._parsed(format_chunk, samples)

    def _chunks(self, offset: int) -> Iterator[_Chunk]:
        for _ in range(_MAX_CHUNKS):
            self._file.seek(offset)
            header = self._file.read(_CHUNK_HEADER.size)
            if len(header) < _CHUNK_HEADER.size:
                return
            kind, size = _CHUNK_HEADER.unpack(header)
            chunk = _Chunk(kind, size, offset + _CHUNK_HEADER.size)
            yield chunk
            offset = self._end_of(chunk)
        name = self._file.name
        raise AudioFormatError(f"{name}: more than {_MAX_CHUNKS:,} chunks before the samples")

    def _content(self, chunk: _Chunk, limit: int) -> bytes:
        self._file.seek(chunk.start)
        return self._file.read(min(chunk.size, limit))

    def _end_of(self, chunk: _Chunk) -> int:
        """Return where the next chunk begins: after a pad byte, which some writers forget."""
        end = chunk.start + chunk.size
        if chunk.size % 2 == 0:
            return end
        self._file.seek(end)
        following = self._file.read(5)
        is_padded = following[:1] == b"\x00" or following[1:] in _KINDS
        return end if _is_kind(following[:4]) and not is_padded else end + 1

    def _ends_in_chunks(self, offset: int) -> bool:
        """Return whether chunks fill the file from ``offset`` to its end: these are no samples."""
        for _ in range(_MAX_CHUNKS):
            if self._file_bytes - offset < _CHUNK_HEADER.size:
                break
            self._file.seek(offset)
            kind, size = _CHUNK_HEADER.unpack(self._file.read(_CHUNK_HEADER.size))
            if not _is_kind(kind):
                return False
            offset = self._end_of(_Chunk(kind, size, offset + _CHUNK_HEADER.size))
        return offset - self._file_bytes <= 1  # the last pad byte may be missing

    def _parsed(self, format_chunk: bytes, samples: _Chunk) -> WavLayout | None:
        if len(format_chunk) < _FORMAT_CHUNK.size - 2:  # the oldest formats have no bits
            return None
        fields = format_chunk[: _FORMAT_CHUNK.size].ljust(_FORMAT_CHUNK.size, b"\x00")
        tag, channels, rate, _, block_bytes, bits = _FORMAT_CHUNK.unpack(fields)
        if tag == _FORMAT_EXTENSIBLE and len(format_chunk) >= _SUBFORMAT_OFFSET + 2:
            tag = struct.unpack_from("<H", format_chunk, _SUBFORMAT_OFFSET)[0]
        if tag == _FORMAT_PCM:
            bits = 8 * ((bits + 7) // 8 or block_bytes // max(1, channels))
        length, data_bytes, promised_bytes = self._length(samples)
        coding = _TAG_NAMES.get(tag, "")
        if not coding and length != "stated" and 0 < block_bytes <= data_bytes:
            data_bytes -= data_bytes % block_bytes  # part of a block decodes to noise
        return WavLayout(
            coding=coding,
            channels=channels,
            sample_rate_hz=rate,
            bits=bits,
            format_chunk=format_chunk,
            data_offset=samples.start,
            data_bytes=data_bytes,
            promised_bytes=promised_bytes,
            length=length,
        )

    def _length(self, samples: _Chunk) -> tuple[Length, int, int]:
        """Return how far the samples reach: how that is known, what is there, what is said."""
        present = max(0, self._file_bytes - samples.start)
        promised = samples.size
        if promised == _UNKNOWN_SIZES[1] and self._long_bytes:
            promised = self._long_bytes
        if promised == 0 and self._ends_in_chunks(samples.start):
            return "stated", 0, 0
        if promised == 0 and self._riff_bytes not in _UNKNOWN_SIZES:
            return "unfinished", present, 0
        if promised == 0 or _is_placeholder(promised):
            is_right = 0 < promised <= present and self._ends_in_chunks(samples.start + promised)
            return "streamed", promised if is_right else present, 0
        return ("cut" if present < promised else "stated"), min(present, promised), promised


def _is_kind(four: bytes) -> bool:
    """Return whether four bytes can name a chunk: printable ASCII."""
    return len(four) == _KIND_BYTES and four.isascii() and four.decode("ascii").isprintable()


def _is_placeholder(size: int) -> bool:
    return any(0 <= limit - size <= _PLACEHOLDER_SPAN for limit in _SIZE_LIMITS)
