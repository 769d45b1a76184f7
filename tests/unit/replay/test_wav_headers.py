"""WAV files whose headers are wrong play whole: writers die, stream, and forget."""

import struct
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import AudioFormatError
from stream_app.replay.formats.readers import open_source
from tests.unit.replay.conftest import WriteAudio
from tests.unit.replay.replay_fakes import (
    WavHeader,
    chunk,
    everything,
    pcm,
    riff_bytes,
    tone,
    wav_bytes,
)

SAMPLES = tone(4000)
PCM16 = SAMPLES.tobytes()
UNFINISHED = "its header says 0 bytes of audio; it is replayed to the end of the file"
PLACEHOLDERS = (
    0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000, 0x7FFF0000, 0x7FFFFFDB, 0xFFFFFFDB,
)  # fmt: skip
FORMATS = {  # tag, bits, what the samples are scaled to
    "pcm16": (1, 16, SAMPLES.astype("<i2")),
    "pcm24": (1, 24, (SAMPLES.astype("<i4") * 256).view(np.uint8).reshape(-1, 4)[:, :3]),
    "pcm32": (1, 32, SAMPLES.astype("<i4") * 65_536),
    "float": (3, 32, (SAMPLES / 32_768).astype("<f4")),
    "double": (3, 64, (SAMPLES / 32_768).astype("<f8")),
}


def written(folder: Path, content: bytes, name: str = "call.wav") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def played(path: Path) -> tuple[list[bytes], tuple[str, ...]]:
    """Return the audio of each channel, and the notices without the path."""
    source = open_source((path,))
    channels = everything(source)
    return channels, tuple(notice.removeprefix(f"{path}: ") for notice in source.notices)


@pytest.mark.parametrize("riff", [36, None], ids=["crashed", "right"])
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("extensible", [False, True])
def test_a_header_of_no_samples_is_not_believed(
    tmp_path: Path, name: str, riff: int | None, *, extensible: bool
) -> None:
    """A writer puts the length there when it closes the file, if it gets that far."""
    tag, bits, samples = FORMATS[name]
    body = WavHeader(tag=tag, bits=bits, extensible=extensible).format_chunk()
    path = written(tmp_path, riff_bytes(body + chunk(b"data", samples.tobytes(), 0), riff))

    (heard,), notices = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)
    assert notices == (UNFINISHED,)


@pytest.mark.parametrize(("tag", "encoding"), [(7, "mulaw"), (6, "alaw")])
@pytest.mark.parametrize("riff", [36, None])
def test_telephone_audio_without_a_length_leaves_bit_exact(
    tmp_path: Path, tag: int, encoding: str, riff: int | None
) -> None:
    g711 = bytes(range(256)) * 10
    body = WavHeader(tag=tag).format_chunk() + chunk(b"data", g711, 0)
    path = written(tmp_path, riff_bytes(body, riff))

    source = open_source((path,))

    assert source.format.encoding == encoding
    assert everything(source) == [g711]
    assert source.notices == (f"{path}: {UNFINISHED}",)


@pytest.mark.parametrize("promised", PLACEHOLDERS)
@pytest.mark.parametrize("name", FORMATS)
def test_a_placeholder_is_no_truncation(tmp_path: Path, name: str, promised: int) -> None:
    """Writers to a pipe put one there, each its own."""
    tag, bits, samples = FORMATS[name]
    path = written(tmp_path, wav_bytes(samples.tobytes(), tag=tag, bits=bits, promised=promised))

    (heard,), notices = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)
    assert notices == ()


@pytest.mark.parametrize("promised", [500 * len(PCM16), 3 * 10**9])
def test_no_file_is_called_truncated_to_nothing(tmp_path: Path, promised: int) -> None:
    path = written(tmp_path, wav_bytes(PCM16, tag=1, bits=16, promised=promised))

    assert played(path) == ([PCM16], ("shorter than its header says; what is there is replayed",))


@pytest.mark.parametrize("odd", [b"abc", b"INFOISFT\x05\x00\x00\x00Lavf\x00"])
@pytest.mark.parametrize("kind", [b"LIST", b"JUNK", b"bext", b"id3 ", b"ZzZ1"])
@pytest.mark.parametrize("pad", [b"", b"\x00", b"\xff"])
@pytest.mark.parametrize("name", ["pcm16", "pcm24"])
def test_an_odd_chunk_may_lack_its_pad_byte(
    tmp_path: Path, odd: bytes, kind: bytes, pad: bytes, name: str
) -> None:
    tag, bits, samples = FORMATS[name]
    between = kind + struct.pack("<I", len(odd)) + odd + pad
    path = written(tmp_path, wav_bytes(samples.tobytes(), tag=tag, bits=bits, between=between))

    (heard,), notices = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)
    assert notices == ()


@pytest.mark.parametrize(
    "after",
    [b"", b"\x01", b"abcdefg", chunk(b"LIST", b"INFO"), b"LIST\x03\x00\x00\x00abc"],
    ids=["nothing", "a byte", "seven bytes", "a chunk", "an odd chunk"],
)
@pytest.mark.parametrize("riff", [None, 36, 0])
@pytest.mark.parametrize("name", ["pcm16", "pcm24"])
def test_a_file_without_samples_is_still_refused(
    tmp_path: Path, after: bytes, riff: int | None, name: str
) -> None:
    """What follows are chunks: these are no samples."""
    tag, bits, _ = FORMATS[name]
    body = WavHeader(tag=tag, bits=bits).format_chunk() + chunk(b"data", b"") + after
    path = written(tmp_path, riff_bytes(body, riff))

    with pytest.raises(AudioFormatError, match="holds no audio"):
        open_source((path,))


def test_samples_may_follow_an_empty_chunk_of_samples(tmp_path: Path) -> None:
    body = WavHeader(tag=1, bits=16).format_chunk()
    body += chunk(b"data", b"") + chunk(b"LIST", b"INFO") + chunk(b"data", PCM16)

    assert played(written(tmp_path, riff_bytes(body))) == ([PCM16], ())


@pytest.mark.parametrize("name", ["pcm16", "pcm24"])
def test_samples_may_stand_before_their_format(tmp_path: Path, name: str) -> None:
    tag, bits, samples = FORMATS[name]
    header = WavHeader(tag=tag, bits=bits).format_chunk()
    path = written(tmp_path, riff_bytes(chunk(b"data", samples.tobytes()) + header))

    (heard,), notices = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)
    assert notices == ()


@pytest.mark.parametrize("name", ["pcm16", "float"])
def test_what_stands_after_the_samples_is_no_audio(tmp_path: Path, name: str) -> None:
    """Neither chunks nor garbage, in a file whose header says where the samples end."""
    tag, bits, samples = FORMATS[name]
    whole = wav_bytes(samples.tobytes(), tag=tag, bits=bits)

    for after in (b"garbage!" * 50, chunk(b"LIST", b"INFO" * 50)):
        (heard,), notices = played(written(tmp_path, whole + after))

        assert np.array_equal(pcm(heard), SAMPLES)
        assert notices == ()


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
@pytest.mark.parametrize("name", ["pcm16", "pcm24"])
@pytest.mark.parametrize(
    ("says", "told"),
    [
        (1.0, ()),
        (0.0, ()),  # to a pipe
        (4.0, ("truncated, 25 % of the audio is there and is replayed",)),
    ],
)
def test_long_files_have_their_length_in_64_bits(
    tmp_path: Path, kind: bytes, name: str, says: float, told: tuple[str, ...]
) -> None:
    tag, bits, samples = FORMATS[name]
    length = int(says * samples.nbytes)
    body = chunk(b"ds64", struct.pack("<QQQI", length, length, 0, 0))
    body += WavHeader(tag=tag, bits=bits).format_chunk()
    body += chunk(b"data", samples.tobytes(), 0xFFFFFFFF)
    path = written(tmp_path, riff_bytes(body, 0xFFFFFFFF, kind))

    (heard,), notices = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)
    assert notices == told


@pytest.mark.parametrize("block", [0, 1, 4, 999])
def test_a_wrong_block_size_changes_nothing(tmp_path: Path, block: int) -> None:
    path = written(tmp_path, wav_bytes(PCM16, tag=1, bits=16, block=block))

    assert played(path) == ([PCM16], ())


def test_samples_of_20_bits_have_three_bytes(tmp_path: Path) -> None:
    _, _, samples = FORMATS["pcm24"]
    path = written(tmp_path, wav_bytes(samples.tobytes(), tag=1, bits=20, block=3))

    (heard,), _ = played(path)

    assert np.array_equal(pcm(heard), SAMPLES)


def test_the_oldest_format_chunk_has_no_bits(tmp_path: Path) -> None:
    g711 = bytes(range(256))
    body = chunk(b"fmt ", struct.pack("<HHIIH", 7, 1, 8000, 8000, 1)) + chunk(b"data", g711)

    assert played(written(tmp_path, riff_bytes(body))) == ([g711], ())


@pytest.mark.parametrize("subtype", ["GSM610", "IMA_ADPCM", "MS_ADPCM"])
@pytest.mark.parametrize("promised", [0, 0x7FFFF000])
def test_compressed_samples_without_a_length_play_whole(
    write_audio: WriteAudio, subtype: str, promised: int
) -> None:
    path = write_audio("call.wav", SAMPLES, subtype=subtype)
    (expected,), _ = played(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", promised)
    path.write_bytes(content)

    (heard,), notices = played(path)

    assert len(expected) >= len(PCM16)
    assert heard == expected
    assert notices == ((UNFINISHED,) if promised == 0 else ())


def test_a_wav_under_another_name_is_one(tmp_path: Path) -> None:
    """Recorders name mu-law files by their codec, header or not."""
    g711 = bytes(range(256)) * 10

    for name in ("call.ulaw", "call.gsm", "call.m4a", "call.raw"):
        assert played(written(tmp_path, wav_bytes(g711), name)) == ([g711], ())
