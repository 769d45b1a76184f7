"""Audio is read as it was written; a file that cannot be read is refused in one line."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import AudioFormatError
from stream_app.replay.formats.readers import open_source
from stream_app.replay.formats.sources import AudioFormat, read_fully
from stream_app.replay.formats.suffixes import RawFormat
from tests.unit.replay.conftest import WriteAudio
from tests.unit.replay.replay_fakes import correlation, everything, pcm, tone, wav_bytes

G711 = bytes(range(256)) * 10


@pytest.mark.parametrize(("tag", "encoding"), [(7, "mulaw"), (6, "alaw")])
@pytest.mark.parametrize("extensible", [False, True])
def test_telephone_wav_leaves_bit_exact(
    tmp_path: Path, tag: int, encoding: str, *, extensible: bool
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(G711, tag=tag, extensible=extensible))

    source = open_source((path,))

    assert source.format.encoding == encoding
    assert source.format.sample_rate_hz == 8000
    assert everything(source) == [G711]


def test_stereo_mulaw_wav_is_parted_by_channel(tmp_path: Path) -> None:
    left, right = G711, G711[::-1]
    interleaved = bytes(value for pair in zip(left, right, strict=True) for value in pair)
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(interleaved, channels=2))

    assert everything(open_source((path,))) == [left, right]


def test_chunks_after_the_samples_are_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(G711) + b"LIST\x04\x00\x00\x00abcd")

    assert everything(open_source((path,))) == [G711]


def test_mulaw_at_another_rate_is_decoded(tmp_path: Path) -> None:
    """Only 8 kHz is G.711 as the telephone knows it."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(G711, rate=16_000))

    source = open_source((path,))

    assert (source.format.encoding, source.format.sample_rate_hz) == ("pcm16", 16_000)
    assert len(everything(source)[0]) == 2 * len(G711)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_16", 0), ("PCM_24", 0), ("PCM_32", 0), ("FLOAT", 1), ("DOUBLE", 1), ("PCM_U8", 256)],
)
def test_wav_of_any_depth_becomes_pcm16(
    write_audio: WriteAudio, subtype: str, tolerance: int
) -> None:
    samples = tone(3000, rate=16_000)
    content = samples / 32_768 if tolerance == 1 else samples
    path = write_audio("call.wav", content, rate=16_000, subtype=subtype)

    source = open_source((path,))
    heard = pcm(everything(source)[0])

    assert source.format.encoding == "pcm16"
    assert source.format.sample_rate_hz == 16_000
    assert np.abs(heard.astype(int) - samples).max() <= tolerance


def test_a_float_wav_beyond_full_scale_clips_and_what_is_no_number_is_silence(
    write_audio: WriteAudio,
) -> None:
    loud = np.array([2.0, -2.0, np.nan, 0.5], dtype=np.float32)
    path = write_audio("loud.wav", loud, subtype="FLOAT")

    assert pcm(everything(open_source((path,)))[0]).tolist() == [32_767, -32_768, 0, 16_384]


def test_flac_is_lossless(write_audio: WriteAudio) -> None:
    samples = np.stack([tone(5000), tone(5000, hz=500)], axis=1)
    path = write_audio("call.flac", samples)

    left, right = everything(open_source((path,)))

    assert np.array_equal(pcm(left), samples[:, 0])
    assert np.array_equal(pcm(right), samples[:, 1])


@pytest.mark.parametrize("name", ["call.mp3", "call.ogg"])
def test_lossy_stereo_keeps_its_channels_apart(write_audio: WriteAudio, name: str) -> None:
    samples = np.stack([tone(32_000, rate=16_000), tone(32_000, hz=900, rate=16_000)], axis=1)
    path = write_audio(name, samples / 32_768, rate=16_000)

    source = open_source((path,))
    left, right = (pcm(channel) for channel in everything(source))

    assert source.format.sample_rate_hz == 16_000
    assert np.abs(left).max() == pytest.approx(8000, rel=0.2)
    assert abs(correlation(left, right)) < 0.1


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("a.ulaw", "mulaw"), ("a.mulaw", "mulaw"), ("a.ul", "mulaw"), ("a.AL", "alaw")],
)
def test_raw_g711_is_known_by_its_name(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(G711)

    source = open_source((path,))

    assert source.format.encoding == encoding
    assert everything(source) == [G711]


def test_raw_files_of_other_names_are_read_in_the_given_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(G711)

    source = open_source((path,), RawFormat("pcm16", 16_000))

    assert (source.format.encoding, source.format.sample_rate_hz) == ("pcm16", 16_000)
    assert everything(source) == [G711]


def test_a_truncated_wav_is_replayed_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(wav_bytes(G711, promised=4 * len(G711)))

    source = open_source((path,))

    assert source.notices == (f"{path}: truncated, 25 % of the audio is there and is replayed",)
    assert everything(source) == [G711]


def test_half_a_frame_at_the_end_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    data = tone(101).tobytes()
    path.write_bytes(wav_bytes(data[:-1], tag=1, bits=16, promised=len(data)))

    source = open_source((path,))

    assert everything(source) == [data[:-2]]
    assert len(source.notices) == 1


@pytest.mark.parametrize("unknown", [0, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_is_read_to_its_end(tmp_path: Path, unknown: int) -> None:
    """Such headers hold no length; that is no truncation."""
    path = tmp_path / "piped.wav"
    path.write_bytes(wav_bytes(G711, promised=unknown))

    source = open_source((path,))

    assert source.notices == ()
    assert everything(source) == [G711]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.wav", b"", "the file is empty"),
        ("empty.ulaw", b"", "the file is empty"),
        ("text.wav", b"this is no audio at all" * 40, "not an audio file that can be read"),
        ("text.flac", b"this is no audio at all" * 40, "not an audio file that can be read"),
        ("silent.wav", wav_bytes(b""), "holds no audio"),
        ("cut.wav", wav_bytes(G711)[:30], "not an audio file that can be read"),
        ("cut2.wav", wav_bytes(b"", promised=5000), "holds no audio"),
        ("odd.wav", wav_bytes(G711, rate=7, tag=1), "7 Hz is no sample rate of audio"),
        ("odd2.wav", wav_bytes(G711, rate=10**6, tag=1), "1000000 Hz is no sample rate of"),
    ],
)
def test_what_cannot_be_replayed_says_why_in_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(AudioFormatError) as failure:
        open_source((path,))

    assert str(failure.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(failure.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError, match="no such file"):
        open_source((tmp_path / "none.wav",))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(AudioFormatError, match="is a directory"):
        open_source((tmp_path,))


def test_two_files_of_unlike_length_end_in_silence_and_then_in_nothing(tmp_path: Path) -> None:
    agent, customer = tmp_path / "a.ulaw", tmp_path / "b.ulaw"
    agent.write_bytes(b"\x01" * 250)
    customer.write_bytes(b"\x02" * 130)

    source = open_source((agent, customer))

    assert source.frames == 250
    assert source.read(100) == (b"\x01" * 100, b"\x02" * 100)
    assert source.read(100) == (b"\x01" * 100, b"\x02" * 30 + b"\xff" * 70)
    assert source.read(100) == (b"\x01" * 50, b"")
    assert source.read(100) == ()
    source.close()


def test_two_files_of_unlike_encoding_meet_as_pcm16(
    tmp_path: Path, write_audio: WriteAudio
) -> None:
    samples = tone(800)
    raw = tmp_path / "a.ulaw"
    raw.write_bytes(b"\xff" * 800)
    wav = write_audio("b.wav", samples)

    source = open_source((raw, wav))
    silence, heard = everything(source)

    assert source.format.encoding == "pcm16"
    assert not pcm(silence).any()
    assert np.array_equal(pcm(heard), samples)


def test_two_files_of_unlike_rate_do_not_fit(write_audio: WriteAudio) -> None:
    paths = (write_audio("a.wav", tone(800)), write_audio("b.wav", tone(800), rate=16_000))

    with pytest.raises(AudioFormatError, match=r"a\.wav and b\.wav: sample rates differ"):
        open_source(paths)


def test_a_pair_needs_mono_files(write_audio: WriteAudio) -> None:
    stereo = np.stack([tone(800), tone(800)], axis=1)
    paths = (write_audio("a.wav", stereo), write_audio("b.wav", tone(800)))

    with pytest.raises(AudioFormatError, match="has 2 channels; a pair needs one each"):
        open_source(paths)


def test_a_file_damaged_in_the_middle_says_so_when_it_gets_there(
    write_audio: WriteAudio,
) -> None:
    rng = np.random.default_rng(1)
    path = write_audio("call.flac", rng.integers(-9000, 9000, 80_000).astype(np.int16))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(bytes(content))

    source = open_source((path,))
    heard: list[bytes] = []
    problem = ""
    try:
        heard = everything(source)
    except AudioFormatError as error:  # libsndfile may also skip the frame
        problem = str(error)

    assert "damaged" in problem or 0 < len(heard[0]) <= 160_000


def test_a_truncated_mp3_is_replayed_as_far_as_it_goes_and_says_so(
    write_audio: WriteAudio,
) -> None:
    path = write_audio("cut.mp3", tone(160_000, rate=16_000), rate=16_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    source = open_source((path,))
    heard = everything(source)

    assert 100_000 < len(heard[0]) < 200_000
    (notice,) = source.notices
    assert notice.startswith(f"{path}: truncated, 4")


def test_a_truncated_ogg_is_replayed_as_far_as_it_goes(write_audio: WriteAudio) -> None:
    """Its length is on its last page, so how much is missing is not known."""
    path = write_audio("cut.ogg", tone(160_000, rate=16_000), rate=16_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])

    assert len(everything(open_source((path,)))[0]) > 80_000


class DrippingSource:
    """A source that gives less than it is asked for, as decoders may."""

    format = AudioFormat("mulaw", 8000, 1)
    frames = None
    notices = ()

    def __init__(self, blocks: list[bytes]) -> None:
        self._blocks = blocks

    def read(self, frames: int) -> tuple[bytes, ...]:
        """Return the next block."""
        if not self._blocks:
            return ()
        block = self._blocks.pop(0)
        assert len(block) <= frames
        return (block,)

    def close(self) -> None:
        """Do nothing."""


def test_reading_fully_joins_short_reads() -> None:
    source = DrippingSource([b"ab", b"c", b"de"])

    assert read_fully(source, 3) == (b"abc",)
    assert read_fully(source, 3) == (b"de",)
    assert read_fully(source, 3) == ()
