"""Files as telephone systems write them: without a header, known by their names."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from schemas.errors import AudioFormatError
from stream_app.replay.discovery import find_recordings
from stream_app.replay.formats.readers import open_source
from stream_app.replay.formats.resampled import rate_of_calls
from stream_app.replay.formats.sources import SAMPLE_RATES_HZ
from stream_app.replay.formats.suffixes import AUDIO_SUFFIXES, RawFormat
from tests.unit.replay.conftest import WriteAudio
from tests.unit.replay.replay_fakes import correlation, everything, pcm, tone, wav_bytes

G711 = bytes(range(256)) * 10
SIGNED_LINEAR = {
    "sln": 8_000, "sln12": 12_000, "sln16": 16_000, "sln24": 24_000, "sln32": 32_000,
    "sln44": 44_100, "sln48": 48_000, "sln96": 96_000, "sln192": 192_000,
}  # fmt: skip


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("suffix", "rate"), SIGNED_LINEAR.items())
def test_signed_linear_has_its_rate_in_its_name(tmp_path: Path, suffix: str, rate: int) -> None:
    """Whatever is said of files whose name does not show it."""
    samples = tone(1000, rate=rate)
    path = written(tmp_path, f"call.{suffix}", samples.tobytes())

    source = open_source((path,), RawFormat("mulaw", 11_025))

    assert (source.format.encoding, source.format.sample_rate_hz) == ("pcm16", rate)
    assert everything(source) == [samples.tobytes()]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("a.ulaw", "mulaw"), ("a.ul", "mulaw"), ("a.ulw", "mulaw"), ("a.mu", "mulaw"),
        ("a.pcmu", "mulaw"), ("a.alaw", "alaw"), ("a.al", "alaw"), ("a.alw", "alaw"),
        ("a.pcma", "alaw"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_raw_g711_may_have_several_channels(
    tmp_path: Path, name: str, encoding: str, channels: int
) -> None:
    path = written(tmp_path, name, G711)

    source = open_source((path,), RawFormat(channels=channels))

    assert (source.format.encoding, source.format.channels) == (encoding, channels)
    whole = len(G711) // channels * channels
    assert everything(source) == [G711[first:whole:channels] for first in range(channels)]


def test_raw_linear_audio_may_have_two_channels(tmp_path: Path) -> None:
    left, right = tone(1000), tone(1000, hz=900)
    interleaved = np.stack([left, right], axis=1).tobytes()

    for name in ("call.pcm", "call.raw", "call.sln"):
        path = written(tmp_path, name, interleaved)
        source = open_source((path,), RawFormat("pcm16", 8_000, 2))
        assert everything(source) == [left.tobytes(), right.tobytes()]


def test_more_raw_channels_than_a_call_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError, match="has 9 channels; a call has 1 to 8"):
        open_source((written(tmp_path, "a.ul", G711),), RawFormat(channels=9))


@pytest.mark.parametrize("name", ["call.pcm", "call.g711", "call.bin", "call.raw"])
def test_a_name_that_several_encodings_share_asks_for_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioFormatError, match="no header; say how to read it: --raw-encoding"):
        open_source((written(tmp_path, name, G711),))


@pytest.mark.parametrize("channels", [1, 2])
def test_gsm_is_decoded_in_its_one_channel(tmp_path: Path, channels: int) -> None:
    samples = tone(8000)
    path = tmp_path / "call.gsm"
    soundfile.write(path, samples, 8000, format="RAW", subtype="GSM610")

    source = open_source((path,), RawFormat(None, 16_000, channels))
    (heard,) = everything(source)

    assert path.stat().st_size == 50 * 33
    assert (source.format.encoding, source.format.sample_rate_hz) == ("pcm16", 8_000)
    assert len(heard) == 2 * 8000
    assert correlation(pcm(heard), samples) > 0.95


def test_gsm_in_a_wav_is_decoded(write_audio: WriteAudio) -> None:
    """Asterisk calls it wav49 and names it .WAV."""
    samples = tone(8000)
    path = write_audio("call.WAV", samples, subtype="GSM610")

    (heard,) = everything(open_source((path,)))

    assert correlation(pcm(heard), samples) > 0.95


def test_dialogic_adpcm_is_decoded(tmp_path: Path) -> None:
    samples = tone(8000)
    path = tmp_path / "call.vox"
    soundfile.write(path, samples, 8000, format="RAW", subtype="VOX_ADPCM")

    (heard,) = everything(open_source((path,)))

    assert correlation(pcm(heard), samples) > 0.99


def test_two_sides_of_a_call_in_unlike_codings_meet(tmp_path: Path) -> None:
    samples = tone(8000)
    soundfile.write(tmp_path / "a.gsm", samples, 8000, format="RAW", subtype="GSM610")
    written(tmp_path, "b.ulaw", b"\xff" * 8000)

    heard, silence = everything(open_source((tmp_path / "a.gsm", tmp_path / "b.ulaw")))

    assert correlation(pcm(heard), samples) > 0.95
    assert not pcm(silence).any()


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
def test_folders_are_searched_for_every_name(tmp_path: Path, suffix: str) -> None:
    written(tmp_path, f"call{suffix.upper()}", G711)

    found = find_recordings([tmp_path], extra_suffixes=frozenset())

    assert [recording.name for recording in found.recordings] == ["call"]
    assert found.notices == ()


@pytest.mark.parametrize(
    ("rate", "target"),
    [
        (1_000, 8_000), (6_000, 8_000), (7_350, 8_000), (8_001, 11_025), (18_900, 22_050),
        (37_800, 44_100), (64_000, 48_000), (88_200, 48_000), (384_000, 48_000),
    ],
)  # fmt: skip
def test_a_rate_that_calls_do_not_have_is_resampled_with_a_note(
    tmp_path: Path, rate: int, target: int
) -> None:
    """One second of a tone on each channel keeps its length, pitch, level and channel."""
    pitches = (min(rate, target) / 20, min(rate, target) / 10)
    samples = np.stack([tone(rate, hz=hz, rate=rate) for hz in pitches], axis=1)
    path = written(
        tmp_path, "call.wav", wav_bytes(samples.tobytes(), tag=1, bits=16, channels=2, rate=rate)
    )

    source = open_source((path,))
    channels = everything(source, step=333)

    assert source.format.sample_rate_hz == target
    assert source.notices == (f"{path}: resampled from {rate} to {target} Hz",)
    assert source.frames == target
    for channel, hz in zip(channels, pitches, strict=True):
        heard = pcm(channel)
        assert len(heard) == target
        middle = slice(target // 4, 3 * target // 4)
        expected = tone(target, hz=hz, rate=target)
        assert np.abs(heard[middle].astype(int) - expected[middle]).max() < 80  # of 8,000


def test_resampling_does_not_depend_on_how_it_is_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "call.wav",
        wav_bytes(tone(6_000, rate=6_000).tobytes(), tag=1, bits=16, rate=6_000),
    )

    heard = {step: everything(open_source((path,)), step=step) for step in (1, 77, 100_000)}

    assert heard[1] == heard[77] == heard[100_000]


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "pcm16"])
def test_raw_files_of_low_rates_are_resampled_too(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "call.bin", bytes([213, 85]) * 6_000)
    raw = RawFormat(encoding, 6_000, 2)  # type: ignore[arg-type]

    source = open_source((path,), raw)
    left, right = everything(source)

    frames = 6_000 if encoding != "pcm16" else 3_000
    assert len(left) == len(right) == 2 * frames * 8 // 6
    assert source.notices == (f"{path}: resampled from 6000 to 8000 Hz",)


def test_rates_of_calls_stay_as_they_are() -> None:
    assert [rate_of_calls(rate) for rate in SAMPLE_RATES_HZ] == list(SAMPLE_RATES_HZ)
    assert [rate_of_calls(rate) for rate in (0, 999, 400_000, 2**31)] == [None] * 4


def test_a_flac_from_a_pipe_plays_to_its_end(write_audio: WriteAudio) -> None:
    """Its header says nothing of the length."""
    samples = tone(8_150)
    path = write_audio("call.flac", samples)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # 36 bits of STREAMINFO
    content[22:26] = bytes(4)
    path.write_bytes(content)

    source = open_source((path,))

    assert source.frames is None
    assert everything(source, step=800) == [samples.tobytes()]
    assert source.notices == ()
