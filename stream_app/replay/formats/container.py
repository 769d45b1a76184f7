"""Files that FFmpeg decodes: MP4, WebM, AMR, G.729 and others; needs the extra ``av``.

Such a file may name others to read in its place. So FFmpeg gets an open file, no path, and the
list of containers that it may take it for.
"""

from collections.abc import Generator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.extras.av import av
from schemas.errors import AudioFormatError
from stream_app.replay.formats.samples import payloads_of
from stream_app.replay.formats.sources import AudioFormat, truncation_notice

_DEMUXERS = "mov,matroska,aac,amr,asf,ac3,ogg,wav,caf,aiff,au,mp3,g722,g723_1,g729"
_WITH_DURATION = ("mov", "matroska")  # of the others it is a guess by their bit rate
_FAILURES = (av.FFmpegError, OSError, ValueError)  # of FFmpeg, the file, PyAV
_SLACK_S = 0.5  # what a header may promise beyond the last packet


class ContainerFile:
    """The first audio track of a file that FFmpeg reads, as PCM16 at its own sample rate.

    Args:
        path: Of the file.
        demuxer: As FFmpeg calls it, for a file without a header.

    Raises:
        AudioFormatError: FFmpeg does not know it, or finds no audio in it.
    """

    def __init__(self, path: Path, demuxer: str | None = None) -> None:
        self._path = path
        self._file = path.open("rb")
        try:
            self._container = av.open(
                self._file,
                "r",
                format=demuxer,
                container_options={"format_whitelist": _DEMUXERS, "protocol_whitelist": ""},
                metadata_errors="ignore",
            )
            self._track = _first_track(path, self._container)
        except _FAILURES as error:
            self._file.close()
            message = f"{path}: not an audio file that can be read ({_reason(error)})"
            raise AudioFormatError(message) from error
        except AudioFormatError:
            self._file.close()
            raise
        context = self._track.codec_context
        self._format = AudioFormat("pcm16", context.sample_rate, context.channels)
        self._frames = _promised_frames(self._container, context.sample_rate)
        self._tracks = len(self._container.streams.audio)
        self._blocks = self._decoded()
        self._rest: NDArray[np.int16] = np.empty((0, context.channels), np.int16)
        self._frames_read = 0
        self._damaged_packets = 0
        self._is_ended = False

    @property
    def format(self) -> AudioFormat:
        """PCM16 at the track's sample rate."""
        return self._format

    @property
    def frames(self) -> int | None:
        """Samples of each channel by the file's header, where it says."""
        return self._frames

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of this file."""
        notices = []
        if self._tracks > 1:
            notices.append(f"{self._path}: has {self._tracks} audio tracks; the first is replayed")
        if self._damaged_packets:
            notices.append(f"{self._path}: damaged, {self._damaged_packets} packets are left out")
        promised = self._frames or 0
        if self._is_ended and promised - self._frames_read > self._format.sample_rate_hz * _SLACK_S:
            notices.append(truncation_notice(self._path, self._frames_read, promised))
        return tuple(notices)

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return up to ``frames`` samples of every channel, or () at the end."""
        while len(self._rest) == 0:
            block = next(self._blocks, None)
            if block is None:
                self._is_ended = True
                return ()
            self._rest = block
        block, self._rest = self._rest[:frames], self._rest[frames:]
        self._frames_read += len(block)
        return payloads_of(block)

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()
        self._container.close()
        self._file.close()

    def _decoded(self) -> Generator[NDArray[np.int16]]:
        """Yield the samples of each packet, shape (frames, channels); damaged ones are counted."""
        target = self._track.codec_context.layout
        converters: dict[tuple[str, str, int], av.AudioResampler] = {}
        try:
            for packet in self._container.demux(self._track):
                for frame in self._frames_of(packet):
                    source = (frame.format.name, frame.layout.name, frame.sample_rate)
                    if source not in converters:  # a track may change on its way
                        rate = self._format.sample_rate_hz
                        converters[source] = av.AudioResampler("s16p", target, rate)
                    for converted in converters[source].resample(frame):
                        yield converted.to_ndarray().T.astype(np.int16, copy=False)
        except _FAILURES as error:
            message = f"damaged, cannot be read any further ({_reason(error)})"
            raise AudioFormatError(message) from error

    def _frames_of(self, packet: "av.Packet[av.AudioStream]") -> list[av.AudioFrame]:
        try:
            return self._track.decode(packet)
        except av.error.InvalidDataError:
            self._damaged_packets += 1
            return []


def _first_track(path: Path, container: av.container.InputContainer) -> av.AudioStream:
    if not container.streams.audio:
        raise AudioFormatError(f"{path}: no audio found in it")
    track = container.streams.audio[0]
    context = track.codec_context
    if context is None or not context.sample_rate or not context.channels:
        raise AudioFormatError(f"{path}: its audio is coded in a way that cannot be read")
    return track


def _promised_frames(container: av.container.InputContainer, rate_hz: int) -> int | None:
    if not container.duration or not container.format.name.startswith(_WITH_DURATION):
        return None
    return container.duration * rate_hz // av.time_base


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, (av.FFmpegError, OSError)) else None
    return (text or str(error)).strip().rstrip(".")
