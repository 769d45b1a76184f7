"""Hostile files: each is read, or refused in one line, in little time."""

import contextlib
import os
import random
import struct
from pathlib import Path

import numpy as np
import orjson
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import MAX_CHANNELS
from schemas.errors import AudioFormatError, ConfigurationError
from stream_app.replay.formats.readers import open_source
from stream_app.replay.formats.sources import read_fully
from stream_app.replay.sidecar import read_sidecar
from tests.support.examples import examples
from tests.unit.replay.conftest import WriteAudio
from tests.unit.replay.encoded_files import CODECS, encoded
from tests.unit.replay.replay_fakes import tone, wav_bytes

CONTAINERS = ("wav", "flac", "ogg", "mp3", "aiff", "au", "w64")
SIZES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
STEP = 800


def played_bytes(path: Path) -> int:
    """Return how many bytes of its first channel are read from a file."""
    source = open_source((path,))
    try:
        length = 0
        while block := read_fully(source, STEP):
            length += len(block[0])
        return length
    finally:
        source.close()


def test_a_header_that_claims_hours_plays_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "hours.wav"
    path.write_bytes(wav_bytes(b"\xff" * STEP, promised=0x7FFFFFFE))

    assert played_bytes(path) == STEP


def test_more_channels_than_a_call_has_are_refused(tmp_path: Path) -> None:
    """The call could only be refused by the worker, in 30,000 parties."""
    for channels in (MAX_CHANNELS + 1, 30_000):
        path = tmp_path / f"{channels}.wav"
        path.write_bytes(wav_bytes(b"\x00" * channels * 20, tag=1, bits=16, channels=channels))

        with pytest.raises(AudioFormatError, match=f"has {channels} channels; a call has 1 to 8"):
            open_source((path,))


def test_a_header_of_endless_chunks_is_given_up(tmp_path: Path) -> None:
    """Six million empty ones took six seconds to walk through."""
    path = tmp_path / "chunks.wav"
    whole = wav_bytes(b"\xff" * STEP)
    path.write_bytes(whole[:12] + (b"junk" + struct.pack("<I", 0)) * 20_000 + whole[12:])

    with pytest.raises(AudioFormatError, match="10,000 chunks before the samples"):
        open_source((path,))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    os.mkfifo(path)

    with pytest.raises(AudioFormatError, match="not a regular file"):
        open_source((path,))


def test_a_raw_file_asks_how_it_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "call.raw"
    path.write_bytes(b"\xff" * STEP)

    with pytest.raises(AudioFormatError, match="no header; say how to read it: --raw-encoding"):
        open_source((path,))


def test_an_mp3_without_audio_says_so(tmp_path: Path) -> None:
    """The decoder calls it a file that does not exist."""
    path = tmp_path / "call.mp3"
    path.write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(2_000))

    with pytest.raises(AudioFormatError, match="no audio found in it"):
        open_source((path,))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"kind": "held", "at_ms": 2**60}, "within 24 hours"),
        ({"kind": "held", "at_ms": -1}, "within 24 hours"),
        ({"kind": "dtmf", "at_ms": 0, "channel": 99, "digit": "1"}, "`channel` must be 0 to 7"),
        ({"kind": "dtmf", "at_ms": 0, "digit": "11"}, "`digit` must be one of"),
    ],
)
def test_an_event_that_no_call_can_have_is_refused(
    tmp_path: Path, event: dict[str, object], reason: str
) -> None:
    path = tmp_path / "call.json"
    path.write_bytes(orjson.dumps({"events": [event]}))

    with pytest.raises(ConfigurationError, match=reason):
        read_sidecar(path)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"parties": "agent"}',
        b'{"hot_words": [1, 2]}',
        b'{"queue_wait_ms": 1e999}',
        b'{"started_at_ns": 99999999999999999999999}',
        b"\xff\xfe{}",
    ],
)
def test_a_hostile_context_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "call.json"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        read_sidecar(path)

    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A stereo recording in every container that is read."""
    folder = tmp_path_factory.mktemp("containers")
    samples = np.stack([tone(4_000), tone(4_000, hz=500.0)], axis=1)
    recordings = {}
    for name in CONTAINERS:
        path = folder / f"call.{name}"
        soundfile.write(path, samples, 8000)
        recordings[name] = path.read_bytes()
    return recordings


def damaged(recording: bytes, chance: random.Random) -> bytes:
    """Return a recording with damage, most of it in its header."""
    data = bytearray(recording)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        index = chance.randrange(min(len(data), chance.choice((64, 200, len(data)))))
        match chance.randrange(5):
            case 0:
                data[index] = chance.choice((0, 127, 128, 255))
            case 1:
                data[index : index + 4] = struct.pack("<I", chance.choice(SIZES))
            case 2:
                del data[index : index + chance.randrange(1, 50)]
            case 3:
                data[index:index] = chance.randbytes(chance.randrange(1, 20))
            case _:
                del data[index:]
        if not data:
            return b"x"
    return bytes(data)


@examples(400)
@given(
    seed=st.integers(0, 2**32),
    name=st.sampled_from(CONTAINERS),
    suffix=st.sampled_from((*CONTAINERS, "raw", "bin")),
)
def test_any_damage_is_read_or_refused(
    containers: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    name: str,
    suffix: str,
) -> None:
    """It raises nothing but AudioFormatError, and no file plays for hours."""
    path = tmp_path_factory.getbasetemp() / f"damaged.{suffix}"
    path.write_bytes(damaged(containers[name], random.Random(seed)))

    with contextlib.suppress(AudioFormatError):
        assert played_bytes(path) < 1_000_000


@pytest.fixture(scope="module")
def ffmpeg_containers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A recording in some containers that FFmpeg alone reads."""
    folder = tmp_path_factory.mktemp("ffmpeg")
    names = ("call.m4a", "call.webm", "call.amr", "call.aac")
    return {name: encoded(folder / name, *CODECS[name][:3]).read_bytes() for name in names}


@examples(60)
@given(
    seed=st.integers(0, 2**32),
    name=st.sampled_from(("call.m4a", "call.webm", "call.amr", "call.aac")),
)
def test_any_damage_to_what_ffmpeg_reads_is_read_or_refused(
    ffmpeg_containers: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    name: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    path.write_bytes(damaged(ffmpeg_containers[name], random.Random(seed)))

    with contextlib.suppress(AudioFormatError):
        assert played_bytes(path) < 1_000_000


def test_a_file_of_silence_is_read_in_steps(
    write_audio: WriteAudio,
) -> None:
    """An hour of zeros is 90 kB of FLAC: it plays for an hour, in constant memory."""
    path = write_audio("silence.flac", np.zeros(8_000 * 3_600, dtype=np.int16))

    source = open_source((path,))

    assert len(read_fully(source, STEP)[0]) == 2 * STEP
    assert source.frames == 8_000 * 3_600
    source.close()
