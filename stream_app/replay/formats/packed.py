"""Interleaved samples that are passed on without a change."""

from pathlib import Path

import numpy as np

from stream_app.replay.formats.sources import AudioFormat


class PackedFile:
    """A stretch of a file with samples as calls carry them.

    Args:
        path: The file.
        audio_format: Of its samples.
        offset: Bytes before the first sample.
        length: Bytes of samples.

    Attributes:
        notices: What the user should know of the file.
    """

    def __init__(self, path: Path, audio_format: AudioFormat, offset: int, length: int) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._format = audio_format
        self._frame_bytes = audio_format.sample_bytes * audio_format.channels
        self._remaining_frames = length // self._frame_bytes
        self._frames = self._remaining_frames
        self.notices: tuple[str, ...] = ()

    @property
    def format(self) -> AudioFormat:
        """The file's own encoding."""
        return self._format

    @property
    def frames(self) -> int | None:
        """Samples of each channel."""
        return self._frames

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () at the end."""
        wanted = min(frames, self._remaining_frames)
        data = self._file.read(wanted * self._frame_bytes)
        self._remaining_frames -= wanted
        if not data:
            return ()
        if self._format.channels == 1:
            return (data,)
        samples = np.frombuffer(data, dtype=f"V{self._format.sample_bytes}")
        by_channel = samples.reshape(-1, self._format.channels).T
        return tuple(channel.tobytes() for channel in by_channel)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
