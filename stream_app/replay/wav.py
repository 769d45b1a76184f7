"""Layout of WAV files: where the samples lie, so that G.711 is passed on unchanged.

Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF WAVE) and
WAVEFORMATEXTENSIBLE, whose sub-format GUID begins with the format tag.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.errors import AudioFormatError

_FORMAT_PCM = 1
_FORMAT_ALAW = 6
_FORMAT_MULAW = 7
_FORMAT_EXTENSIBLE = 0xFFFE
_TAG_NAMES = {_FORMAT_PCM: "pcm", _FORMAT_ALAW: "alaw", _FORMAT_MULAW: "mulaw"}
_CHUNK_HEADER = struct.Struct("<4sI")
_FORMAT_CHUNK = struct.Struct("<HHIIHH")
_SUBFORMAT_OFFSET = 24  # after the 16 bytes of a plain format: size, valid bits, channel mask
_FORMAT_BYTES_READ = 40
_MAX_CHUNKS = 10_000  # before the samples; far more than writers make
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # in the header, from writers to a pipe
_RIFF_HEADER_BYTES = 12


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Where a WAV file has its samples.

    Attributes:
        coding: ``pcm``, ``mulaw``, ``alaw``, or empty for others.
        data_bytes: Bytes of samples that the file really holds.
        promised_bytes: What the header promises; None where it does not say.
    """

    coding: str
    channels: int
    sample_rate_hz: int
    bits: int
    data_offset: int
    data_bytes: int
    promised_bytes: int | None


def read_layout(path: Path) -> WavLayout | None:
    """Return the layout of ``path``, or None if it is not a little-endian RIFF WAVE file.

    Raises:
        AudioFormatError: Its header does not end.
    """
    with path.open("rb") as file:
        header = file.read(_RIFF_HEADER_BYTES)
        is_whole = len(header) == _RIFF_HEADER_BYTES
        if not is_whole or header[:4] != b"RIFF" or header[8:] != b"WAVE":
            return None
        riff_bytes = struct.unpack_from("<I", header, 4)[0]
        return _read_chunks(file, path.stat().st_size, riff_bytes)


def _read_chunks(file: BinaryIO, file_bytes: int, riff_bytes: int) -> WavLayout | None:
    format_chunk = b""
    for _ in range(_MAX_CHUNKS):
        chunk_header = file.read(_CHUNK_HEADER.size)
        if len(chunk_header) < _CHUNK_HEADER.size:
            return None
        kind, size = _CHUNK_HEADER.unpack(chunk_header)
        if kind == b"data":
            is_streamed = size in _UNKNOWN_SIZES and riff_bytes in _UNKNOWN_SIZES
            promised = None if is_streamed else size
            return _layout(format_chunk, file.tell(), file_bytes, promised)
        start = file.tell()
        if kind == b"fmt ":
            format_chunk = file.read(min(size, _FORMAT_BYTES_READ))
        file.seek(start + size + size % 2)
    raise AudioFormatError(f"{file.name}: more than {_MAX_CHUNKS:,} chunks before the samples")


def _layout(
    format_chunk: bytes, data_offset: int, file_bytes: int, promised_bytes: int | None
) -> WavLayout | None:
    if len(format_chunk) < _FORMAT_CHUNK.size:
        return None
    tag, channels, rate, _, _, bits = _FORMAT_CHUNK.unpack_from(format_chunk)
    if tag == _FORMAT_EXTENSIBLE and len(format_chunk) >= _SUBFORMAT_OFFSET + 2:
        tag = struct.unpack_from("<H", format_chunk, _SUBFORMAT_OFFSET)[0]
    present = max(0, file_bytes - data_offset)
    return WavLayout(
        coding=_TAG_NAMES.get(tag, ""),
        channels=channels,
        sample_rate_hz=rate,
        bits=bits,
        data_offset=data_offset,
        data_bytes=present if promised_bytes is None else min(present, promised_bytes),
        promised_bytes=promised_bytes,
    )
