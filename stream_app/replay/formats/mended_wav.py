"""A WAV file whose header fits its samples, so that libsndfile finds all of them."""

import io
import struct
from pathlib import Path
from typing import Any

from stream_app.replay.formats.wav import WavLayout

LONGEST_MENDED_BYTES = 0xFFFF0000  # what the lengths of 32 bits hold, with the header


class MendedWav(io.RawIOBase):
    """The samples of a WAV file behind a header made anew, as a file that is read.

    Args:
        path: The file.
        layout: Of its samples.
    """

    def __init__(self, path: Path, layout: WavLayout) -> None:
        self._header = _header(layout)
        self._samples_at = layout.data_offset
        self._length = len(self._header) + layout.data_bytes
        self._position = 0
        self._file = path.open("rb")

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Return the new position."""
        origins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}
        self._position = max(0, origins[whence] + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Return how many bytes were read into ``buffer``."""
        data = self._read(min(len(buffer), self._length - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _read(self, size: int) -> bytes:
        if size <= 0:
            return b""
        if self._position < len(self._header):
            return self._header[self._position : self._position + size]
        self._file.seek(self._samples_at + self._position - len(self._header))
        return self._file.read(size)


def _header(layout: WavLayout) -> bytes:
    chunk = layout.format_chunk + b"\x00" * (len(layout.format_chunk) % 2)
    body = b"WAVEfmt " + struct.pack("<I", len(layout.format_chunk)) + chunk
    body += b"data" + struct.pack("<I", layout.data_bytes)
    return b"RIFF" + struct.pack("<I", len(body) + layout.data_bytes) + body
