"""Files that libsndfile decodes."""

import io
from pathlib import Path
from typing import Any

import soundfile

from schemas.errors import AudioFormatError
from stream_app.replay.formats.samples import payloads_of, to_pcm16
from stream_app.replay.formats.sources import AudioFormat, truncation_notice

SFE_BAD_FILE = 7  # of libsndfile: not a regular file, or an MP3 without a frame
_TRUNCATION_FRAMES = 4_800  # lossy formats promise a few frames more or less
_UNKNOWN_FRAMES = 2**62  # libsndfile says its largest number of a FLAC from a pipe
_INTEGER_SUBTYPES = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW"})


class DecodedFile:
    """A file that libsndfile decodes, as PCM16 at its own sample rate.

    Args:
        path: Of the file.
        stream: What to read in its place; closed with this file.
        raw: How to read a file without a header: `soundfile.SoundFile` has the names.

    Raises:
        AudioFormatError: libsndfile does not know it.
    """

    def __init__(self, path: Path, stream: io.RawIOBase | None = None, **raw: Any) -> None:
        self._stream = stream
        try:
            self._file = _Sequential(path if stream is None else stream, **raw)
        except soundfile.LibsndfileError as error:
            if stream is not None:
                stream.close()
            reason = "no audio found in it" if error.code == SFE_BAD_FILE else _reason(error)
            message = f"{path}: not an audio file that can be read ({reason})"
            raise AudioFormatError(message) from error
        self._is_integer = self._file.subtype in _INTEGER_SUBTYPES
        self._format = AudioFormat("pcm16", self._file.samplerate, self._file.channels)
        self._path = path
        self._frames_read = 0
        self.notices: tuple[str, ...] = ()

    @property
    def format(self) -> AudioFormat:
        """PCM16 at the file's sample rate."""
        return self._format

    @property
    def frames(self) -> int | None:
        """Samples of each channel that the header promises; a cut OGG does not say."""
        frames = int(self._file.frames)
        is_unknown = frames >= _UNKNOWN_FRAMES or (frames == 0 and self._file.format == "OGG")
        return None if is_unknown else frames

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () at the end."""
        dtype = "int16" if self._is_integer else "float32"
        try:
            samples = self._file.read(frames, dtype=dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            message = f"damaged, cannot be read any further ({_reason(error)})"
            raise AudioFormatError(message) from error
        if len(samples) == 0:
            self._note_truncation()
        self._frames_read += len(samples)
        return payloads_of(samples if self._is_integer else to_pcm16(samples))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._stream is not None:
            self._stream.close()

    def _note_truncation(self) -> None:
        promised = self.frames or 0
        if not self.notices and promised - self._frames_read > _TRUNCATION_FRAMES:
            self.notices = (truncation_notice(self._path, self._frames_read, promised),)


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from its beginning to its end.

    A seek after each read, as the base class makes it, loses the end of a FLAC from a pipe.
    """

    def seekable(self) -> bool:
        """Return that it is not."""
        return False


def _reason(error: soundfile.LibsndfileError) -> str:
    reason: str = error.error_string.strip().rstrip(".")
    return reason
