"""Audio files of a call: WAV, FLAC, MP3, OGG and raw G.711."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.base import MAX_CHANNELS, Encoding
from schemas.errors import AudioFormatError
from stream_app.replay.sources import SAMPLE_RATES_HZ, AudioFormat, AudioSource, PairedSource
from stream_app.replay.wav import WavLayout, read_layout

G711_RATE_HZ = 8_000
PCM16_BITS = 16
RAW_SUFFIXES: dict[str, Encoding] = {
    ".ulaw": "mulaw",
    ".mulaw": "mulaw",
    ".ul": "mulaw",
    ".alaw": "alaw",
    ".al": "alaw",
}
CONTAINER_SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".au", ".aif", ".aiff", ".w64"}
)
HEADERLESS_SUFFIX = ".raw"  # libsndfile reads it by its name alone, if its format is given
SFE_BAD_FILE = 7  # of libsndfile: not a regular file, or an MP3 without a frame
UNNAMED_RAW_SUFFIXES = frozenset({HEADERLESS_SUFFIX, ".pcm", ".g711", ".bin", ".sln"})
_RAW_SUBTYPES: dict[Encoding, str] = {"mulaw": "ULAW", "alaw": "ALAW", "pcm16": "PCM_16"}
_TRUNCATION_FRAMES = 4_800  # lossy formats promise a few frames more or less
_INTEGER_SUBTYPES = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW"})


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How to read files without a header.

    Attributes:
        encoding: Of files whose name does not show it; None where there are no such files.
    """

    encoding: Encoding | None = None
    sample_rate_hz: int = G711_RATE_HZ


class PackedFile:
    """Interleaved samples of a file, passed on without a change."""

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


class DecodedFile:
    """A file that libsndfile decodes, as PCM16 at its own sample rate."""

    def __init__(self, path: Path, **raw: Any) -> None:
        if not raw and path.suffix.lower() == HEADERLESS_SUFFIX:
            raise AudioFormatError(f"{path}: has no header; say how to read it: --raw-encoding")
        try:
            self._file = soundfile.SoundFile(path, **raw)
        except soundfile.LibsndfileError as error:
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
        return None if frames == 0 and self._file.format == "OGG" else frames

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
            return ()
        self._frames_read += len(samples)
        if not self._is_integer:
            samples = to_pcm16(samples)
        return tuple(channel.astype("<i2").tobytes() for channel in samples.T)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _note_truncation(self) -> None:
        promised = self._file.frames
        if not self.notices and promised - self._frames_read > _TRUNCATION_FRAMES:
            self.notices = (_truncation_notice(self._path, self._frames_read, promised),)


def _reason(error: soundfile.LibsndfileError) -> str:
    reason: str = error.error_string.strip().rstrip(".")
    return reason


def to_pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples in [-1, 1] as 16-bit integers; louder ones clip, NaN is 0."""
    scaled = np.nan_to_num(samples, nan=0.0) * 32_768.0
    clipped: NDArray[np.int16] = np.clip(np.rint(scaled), -32_768, 32_767).astype(np.int16)
    return clipped


def open_source(paths: tuple[Path, ...], raw: RawFormat = RawFormat()) -> AudioSource:
    """Return the audio of a call: of one file, or of one file for each channel.

    Args:
        paths: One file with all channels, or one-channel files in the order of the channels.
        raw: How to read files without a header.

    Raises:
        AudioFormatError: A file cannot be read, or the files do not fit together.
    """
    if len(paths) == 1:
        return _open_file(paths[0], raw)
    sources: list[AudioSource] = []
    try:
        sources += (_open_channel(path, raw) for path in paths)
        _check_pair(paths, sources)
        if len({source.format.encoding for source in sources}) == 1:
            return PairedSource(tuple(sources))
    except AudioFormatError:
        _close(sources)
        raise
    _close(sources)
    return PairedSource(tuple(_decoded(path, raw) for path in paths))


def _open_channel(path: Path, raw: RawFormat) -> AudioSource:
    source = _open_file(path, raw)
    if source.format.channels != 1:
        source.close()
        message = f"{path}: has {source.format.channels} channels; a pair needs one each"
        raise AudioFormatError(message)
    return source


def _check_pair(paths: tuple[Path, ...], sources: list[AudioSource]) -> None:
    rates = [source.format.sample_rate_hz for source in sources]
    if len(set(rates)) > 1:
        names = " and ".join(path.name for path in paths)
        message = f"{names}: sample rates differ ({' and '.join(map(str, rates))} Hz)"
        raise AudioFormatError(message)


def _close(sources: list[AudioSource]) -> None:
    for source in sources:
        source.close()


def _open_file(path: Path, raw: RawFormat) -> AudioSource:
    _check_readable(path)
    encoding = _raw_encoding(path, raw)
    if encoding is not None:
        source = _open_raw(path, encoding, raw.sample_rate_hz)
    else:
        layout = read_layout(path)
        source = _open_wav(path, layout) if layout else DecodedFile(path)
    try:
        _check_format(path, source)
    except AudioFormatError:
        source.close()
        raise
    return source


def _decoded(path: Path, raw: RawFormat) -> AudioSource:
    encoding = _raw_encoding(path, raw)
    if encoding is None:
        return DecodedFile(path)
    return _decode_raw(path, encoding, raw.sample_rate_hz)


def _raw_encoding(path: Path, raw: RawFormat) -> Encoding | None:
    suffix = path.suffix.lower()
    return None if suffix in CONTAINER_SUFFIXES else RAW_SUFFIXES.get(suffix, raw.encoding)


def _open_raw(path: Path, encoding: Encoding, sample_rate_hz: int) -> AudioSource:
    if encoding != "pcm16" and sample_rate_hz != G711_RATE_HZ:
        return _decode_raw(path, encoding, sample_rate_hz)
    audio_format = AudioFormat(encoding, sample_rate_hz, 1)
    return PackedFile(path, audio_format, 0, path.stat().st_size)


def _decode_raw(path: Path, encoding: Encoding, sample_rate_hz: int) -> AudioSource:
    return DecodedFile(
        path,
        format="RAW",
        subtype=_RAW_SUBTYPES[encoding],
        samplerate=sample_rate_hz,
        channels=1,
    )


def _open_wav(path: Path, layout: WavLayout) -> AudioSource:
    encoding: Encoding | None = None
    if layout.coding == "pcm" and layout.bits == PCM16_BITS:
        encoding = "pcm16"
    elif layout.coding == "mulaw" and layout.sample_rate_hz == G711_RATE_HZ:
        encoding = "mulaw"
    elif layout.coding == "alaw" and layout.sample_rate_hz == G711_RATE_HZ:
        encoding = "alaw"
    source: PackedFile | DecodedFile
    if encoding is None or layout.channels == 0:
        source = DecodedFile(path)
    else:
        audio_format = AudioFormat(encoding, layout.sample_rate_hz, layout.channels)
        source = PackedFile(path, audio_format, layout.data_offset, layout.data_bytes)
    if layout.promised_bytes is not None and layout.data_bytes < layout.promised_bytes:
        source.notices = (_truncation_notice(path, layout.data_bytes, layout.promised_bytes),)
    return source


def _truncation_notice(path: Path, present: int, promised: int) -> str:
    return f"{path}: truncated, {100 * present // promised} % of the audio is there and is replayed"


def _check_readable(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):  # no end, or none yet
            raise AudioFormatError(f"{path}: not a regular file")
        with path.open("rb"):
            pass
    except OSError as error:
        message = f"{path}: {(error.strerror or str(error)).lower()}"
        raise AudioFormatError(message) from error
    if status.st_size == 0:
        message = f"{path}: the file is empty"
        raise AudioFormatError(message)


def _check_format(path: Path, source: AudioSource) -> None:
    rate = source.format.sample_rate_hz
    if rate not in SAMPLE_RATES_HZ:
        message = (
            f"{path}: a sample rate of {rate} Hz is not supported; resample it to 8000 or 16000"
        )
        raise AudioFormatError(message)
    channels = source.format.channels
    if channels > MAX_CHANNELS:
        raise AudioFormatError(f"{path}: has {channels} channels; a call has 1 to {MAX_CHANNELS}")
    if source.frames == 0:
        message = f"{path}: holds no audio"
        raise AudioFormatError(message)
