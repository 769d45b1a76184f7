"""The audio of a call, opened by what its files are."""

import stat
from importlib import import_module
from pathlib import Path

from schemas.base import MAX_CHANNELS, Encoding
from schemas.errors import AudioFormatError, MissingExtraError
from stream_app.replay.formats.decoded import DecodedFile
from stream_app.replay.formats.mended_wav import LONGEST_MENDED_BYTES, MendedWav
from stream_app.replay.formats.packed import PackedFile
from stream_app.replay.formats.resampled import ResampledSource, rate_of_calls
from stream_app.replay.formats.sources import (
    AudioFormat,
    AudioSource,
    PairedSource,
    truncation_notice,
)
from stream_app.replay.formats.suffixes import (
    FFMPEG_SUFFIXES,
    G711_RATE_HZ,
    LONGEST_START,
    RawCoding,
    RawFormat,
    check_named,
    is_for_ffmpeg,
    may_hold_other_codings,
    raw_coding,
)
from stream_app.replay.formats.wav import WavLayout, read_layout

PCM16_BITS = 16
_NAMED = RawFormat()  # by the names of files alone
_CONTAINER_MODULE = "stream_app.replay.formats.container"  # imported when needed, for its extra


def open_source(paths: tuple[Path, ...], raw: RawFormat = _NAMED) -> AudioSource:
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
    return PairedSource(tuple(_open_file(path, raw, is_decoded=True) for path in paths))


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


def _open_file(path: Path, raw: RawFormat, *, is_decoded: bool = False) -> AudioSource:
    """Return the audio of a file, as PCM16 if ``is_decoded``."""
    _check_readable(path)
    layout, coding = read_layout(path), raw_coding(path, raw)
    source: AudioSource
    if layout is not None:  # whatever its name says
        source = _open_wav(path, layout, is_decoded=is_decoded)
    elif coding is not None:
        source = _open_raw(path, coding, raw, is_decoded=is_decoded)
    else:
        check_named(path, raw)
        source = _open_container(path)
    try:
        return _at_a_rate_of_calls(path, source)
    except AudioFormatError:
        source.close()
        raise


def _open_wav(path: Path, layout: WavLayout, *, is_decoded: bool) -> AudioSource:
    encoding = _wav_encoding(layout)
    source: PackedFile | DecodedFile
    if encoding is not None and (encoding == "pcm16" or not is_decoded):
        audio_format = AudioFormat(encoding, layout.sample_rate_hz, layout.channels)
        source = PackedFile(path, audio_format, layout.data_offset, layout.data_bytes)
    elif layout.data_bytes == 0:
        raise AudioFormatError(f"{path}: holds no audio")
    elif layout.data_bytes > LONGEST_MENDED_BYTES:
        source = DecodedFile(path)
    else:
        try:
            source = DecodedFile(path, MendedWav(path, layout))
        except AudioFormatError as error:
            return _open_with_ffmpeg(path, error)
    source.notices = _length_notices(path, layout)
    return source


def _wav_encoding(layout: WavLayout) -> Encoding | None:
    """Return how calls carry such samples; None if they must be decoded."""
    if layout.channels == 0:
        return None
    if layout.coding == "pcm":
        return "pcm16" if layout.bits == PCM16_BITS else None
    is_g711 = layout.sample_rate_hz == G711_RATE_HZ
    if is_g711 and layout.coding == "mulaw":
        return "mulaw"
    return "alaw" if is_g711 and layout.coding == "alaw" else None


def _length_notices(path: Path, layout: WavLayout) -> tuple[str, ...]:
    if layout.length == "cut":
        return (truncation_notice(path, layout.data_bytes, layout.promised_bytes),)
    if layout.length == "unfinished":
        return (f"{path}: its header says 0 bytes of audio; it is replayed to the end of the file",)
    return ()


def _open_raw(path: Path, coding: RawCoding, raw: RawFormat, *, is_decoded: bool) -> AudioSource:
    rate = coding.sample_rate_hz or raw.sample_rate_hz
    channels = raw.channels if coding.is_interleaved else 1
    encoding = coding.encoding
    if encoding == "pcm16" or (encoding and rate == G711_RATE_HZ and not is_decoded):
        return PackedFile(path, AudioFormat(encoding, rate, channels), 0, path.stat().st_size)
    return DecodedFile(
        path, format="RAW", subtype=coding.subtype, samplerate=rate, channels=channels
    )


def _open_container(path: Path) -> AudioSource:
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if is_for_ffmpeg(path, start):
        return _open_with_ffmpeg(path)
    try:
        return DecodedFile(path)
    except AudioFormatError as error:
        if not may_hold_other_codings(start):
            raise
        return _open_with_ffmpeg(path, error)


def _open_with_ffmpeg(path: Path, refusal: AudioFormatError | None = None) -> AudioSource:
    """Return the audio of a file that libsndfile does not read, or refused with ``refusal``."""
    try:
        container = import_module(_CONTAINER_MODULE)
    except MissingExtraError as error:
        message = f"{refusal}; {error}" if refusal else f"{path}: {error}"
        raise AudioFormatError(message) from error
    try:
        source: AudioSource = container.ContainerFile(
            path, FFMPEG_SUFFIXES.get(path.suffix.lower())
        )
    except AudioFormatError as error:
        raise refusal or error from error
    return source


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


def _at_a_rate_of_calls(path: Path, source: AudioSource) -> AudioSource:
    """Return ``source``, resampled if calls do not have its rate."""
    channels, rate = source.format.channels, source.format.sample_rate_hz
    if channels > MAX_CHANNELS:
        raise AudioFormatError(f"{path}: has {channels} channels; a call has 1 to {MAX_CHANNELS}")
    if source.frames == 0:
        raise AudioFormatError(f"{path}: holds no audio")
    target = rate_of_calls(rate)
    if target is None:
        raise AudioFormatError(f"{path}: {rate} Hz is no sample rate of audio")
    if target == rate:
        return source
    return ResampledSource(source, target, f"{path}: resampled from {rate} to {target} Hz")
