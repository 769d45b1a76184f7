"""Files that FFmpeg alone reads: with the extra they play, without it the message names it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.extras.av import av
from schemas.errors import AudioFormatError
from stream_app.replay.formats.readers import open_source
from tests.unit.replay.encoded_files import CODECS, RATE_HZ, encoded
from tests.unit.replay.replay_fakes import correlation, everything, pcm, tone

OPEN = """
import sys
from pathlib import Path
sys.modules["av"] = None
from schemas.errors import AudioFormatError
from stream_app.replay.formats.readers import open_source
for name in sys.argv[1:]:
    try:
        open_source((Path(name),)).close()
        print("read")
    except AudioFormatError as error:
        print(error)
"""


def likeness(heard: bytes, hz: int, rate: int) -> float:
    """Return how alike the audio is to a tone, at the delay of the codec that suits best."""
    samples = pcm(heard)[rate // 2 : rate]
    tones = tone(len(samples) + rate // hz, hz=hz, rate=rate)
    return max(correlation(samples, tones[delay:]) for delay in range(rate // hz))


@pytest.mark.parametrize("name", CODECS)
def test_what_phones_and_browsers_write_plays(tmp_path: Path, name: str) -> None:
    codec, rate, channels, alike = CODECS[name]
    path = encoded(tmp_path / name, codec, rate, channels)

    source = open_source((path,))
    heard = everything(source)

    assert (source.format.encoding, source.format.sample_rate_hz) == ("pcm16", rate)
    assert len(heard) == channels
    assert source.notices == ()
    for number, channel in enumerate(heard):
        assert len(channel) // 2 == pytest.approx(2 * rate, rel=0.08)
        assert likeness(channel, 300 * (number + 1), rate) > alike


@pytest.mark.parametrize(
    ("suffix", "frame_bytes", "frame_ms"), [("g729", 10, 10), ("g723", 24, 30)]
)
def test_frames_without_a_header_have_their_duration(
    tmp_path: Path, suffix: str, frame_bytes: int, frame_ms: int
) -> None:
    """As Asterisk writes them."""
    path = tmp_path / f"call.{suffix}"
    path.write_bytes(bytes(frame_bytes) * 100)

    source = open_source((path,))
    (heard,) = everything(source)

    assert source.format.sample_rate_hz == 8_000
    assert len(heard) == 2 * 8 * frame_ms * 100


def test_a_codec_that_libsndfile_lacks_in_a_container_that_it_knows(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.wav", "g726", 8_000, 1)

    (heard,) = everything(open_source((path,)))

    assert likeness(heard, 300, 8_000) > 0.95


def test_the_content_decides_where_the_name_is_another(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.mp4", "aac", RATE_HZ, 2).rename(tmp_path / "call.wav")

    assert len(everything(open_source((path,)))) == 2


def test_of_several_tracks_the_first_is_played_with_a_note(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.mkv", "libopus", 48_000, 1, tracks=2)

    source = open_source((path,))
    heard = everything(source)

    assert len(heard) == 1
    assert source.notices == (f"{path}: has 2 audio tracks; the first is replayed",)


def test_damage_is_passed_over_with_a_note(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.aac", "aac", RATE_HZ, 2)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes([255, 241]) * 100
    path.write_bytes(content)

    source = open_source((path,))
    (left, _) = everything(source)

    assert 40_000 < len(left) < 68_000
    (notice,) = source.notices
    assert notice.startswith(f"{path}: damaged, ")
    assert notice.endswith("packets are left out")


def test_a_truncated_file_plays_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.mkv", "libopus", 48_000, 2)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    source = open_source((path,))
    (left, _) = everything(source)

    assert 48_000 < len(left) < 144_000
    (notice,) = source.notices
    assert notice.startswith(f"{path}: truncated, ")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.m4a", b"this is no audio at all" * 40, "not an audio file that can be read"),
        ("text.webm", b"this is no audio at all" * 40, "not an audio file that can be read"),
        ("cut.mp4", b"\x00\x00\x00\x18ftypisom", "not an audio file that can be read"),
        ("empty.amr", b"#!AMR\n", ""),
    ],
)
def test_what_is_no_audio_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    if reason:
        with pytest.raises(AudioFormatError) as failure:
            open_source((path,))
        assert str(failure.value).startswith(f"{path}: {reason}")
        assert "\n" not in str(failure.value)
    else:
        assert everything(open_source((path,))) == [b""]


def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as container:
        track = container.add_stream("mpeg4", rate=5)
        assert isinstance(track, av.VideoStream)
        track.width = track.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
        container.mux([*track.encode(frame), *track.encode(None)])

    with pytest.raises(AudioFormatError, match="no audio found in it"):
        open_source((path,))


@pytest.mark.parametrize("suffix", ["m4a", "webm", "aac"])
def test_a_playlist_reads_no_other_file(tmp_path: Path, suffix: str) -> None:
    """FFmpeg follows such lists by itself, to any file or address."""
    other = encoded(tmp_path / "other.m4a", "aac", RATE_HZ, 2)
    path = tmp_path / f"call.{suffix}"
    lists = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other}'\n",
    )

    for content in lists:
        path.write_text(content)
        with pytest.raises(AudioFormatError, match="not an audio file that can be read"):
            open_source((path,))


def test_a_name_that_is_no_text_is_opened(tmp_path: Path) -> None:
    path = encoded(tmp_path / "call.m4a", "aac", RATE_HZ, 2)
    path = path.rename(tmp_path / os.fsdecode(b"call-\xff\xfe.m4a"))

    assert len(everything(open_source((path,)))) == 2


def test_without_the_extra_the_message_names_it(tmp_path: Path) -> None:
    """What libsndfile reads is read, and what is no audio is not blamed on the extra."""
    names = ["call.m4a", "call.webm", "call.amr", "call.aac", "call.g722", "call.wav"]
    for name in names[:-1]:
        codec, rate, channels, _ = CODECS[name]
        encoded(tmp_path / name, codec, rate, channels)
    encoded(tmp_path / "call.wav", "g726", 8_000, 1)
    (tmp_path / "call.g729").write_bytes(bytes(100))
    (tmp_path / "call.ulaw").write_bytes(bytes(100))
    (tmp_path / "text.flac").write_bytes(b"text" * 100)
    names += ["call.g729", "call.ulaw", "text.flac"]
    command = [sys.executable, "-c", OPEN, *(str(tmp_path / name) for name in names)]

    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    said = dict(zip(names, lines, strict=True))
    needed = "reading it needs av: pip install 'callstream[av]'"
    for name in ("call.m4a", "call.webm", "call.amr", "call.aac", "call.g722", "call.g729"):
        assert said[name] == f"{tmp_path / name}: {needed}"
    assert said["call.wav"].startswith(f"{tmp_path / 'call.wav'}: not an audio file that can be")
    assert said["call.wav"].endswith(f"; {needed}")
    assert said["call.ulaw"] == "read"
    assert "callstream[av]" not in said["text.flac"]
