"""Chunks hold all audio of a recording, and each is due when it is complete."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from schemas.audio import MAX_CHUNK_MS, MIN_CHUNK_MS
from stream_app.replay.chunker import chunk_frames, intervals
from stream_app.replay.formats.readers import open_source
from stream_app.replay.formats.sources import SAMPLE_RATES_HZ
from stream_app.replay.pacer import Pacer
from tests.unit.replay.replay_fakes import FakeClock, wav_bytes

CHUNK_MS = st.integers(MIN_CHUNK_MS, MAX_CHUNK_MS)


def chunked(path: Path, chunk_ms: int) -> list[bytes]:
    source = open_source((path,))
    channels = [b""] * source.format.channels
    for interval in intervals(source, chunk_ms):
        channels = [old + new for old, new in zip(channels, interval.payloads, strict=True)]
    source.close()
    return channels


@given(
    samples=st.binary(min_size=2, max_size=9000),
    channels=st.integers(1, 3),
    chunk_ms=CHUNK_MS,
)
def test_any_chunking_of_g711_joins_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, samples: bytes, channels: int, chunk_ms: int
) -> None:
    whole = samples[: len(samples) // channels * channels]
    if not whole:
        return
    path = tmp_path_factory.getbasetemp() / "any.wav"
    path.write_bytes(wav_bytes(whole, channels=channels))

    assert chunked(path, chunk_ms) == [whole[channel::channels] for channel in range(channels)]


@given(
    length=st.integers(1, 30_000),
    rate=st.sampled_from(SAMPLE_RATES_HZ),
    suffix=st.sampled_from(["wav", "flac"]),
    chunk_ms=CHUNK_MS,
)
def test_any_chunking_of_pcm_joins_to_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, length: int, rate: int, suffix: str, chunk_ms: int
) -> None:
    samples: Any = np.random.default_rng(length).integers(-9000, 9000, (length, 2), dtype=np.int16)
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    soundfile.write(path, samples, rate)

    joined = chunked(path, chunk_ms)

    assert joined == [samples[:, channel].tobytes() for channel in range(2)]


@given(rate=st.sampled_from(SAMPLE_RATES_HZ), chunk_ms=CHUNK_MS)
def test_every_chunk_begins_at_a_whole_millisecond(rate: int, chunk_ms: int) -> None:
    frames = chunk_frames(rate, chunk_ms)

    assert frames * 1000 % rate == 0
    assert 0 < frames * 1000 // rate <= max(chunk_ms, 40)  # 11.025 kHz cannot do less than 40 ms


def test_intervals_follow_the_audio_clock(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(bytes(2000)))
    source = open_source((path,))

    found = [
        (interval.seq, interval.start_ms, interval.end_ns) for interval in intervals(source, 100)
    ]
    source.close()

    assert found == [(0, 0, 100_000_000), (1, 100, 200_000_000), (2, 200, 250_000_000)]


def captured(pacer: Pacer, clock: FakeClock, work_ns: int = 0) -> list[tuple[int, int]]:
    """Return the capture stamps and the times at which four 100 ms chunks went out."""

    async def send_all() -> list[tuple[int, int]]:
        sent = []
        for end_ms in (0, 100, 200, 300, 400):
            stamp = await pacer.wait_for(end_ms * 1_000_000)
            sent.append((stamp - clock.wall_offset_ns - 1_000, clock.now_ns - 1_000))
            clock.work(work_ns)
        return sent

    return asyncio.run(send_all())


@pytest.mark.parametrize(("speed", "step_ns"), [(1.0, 100_000_000), (8.0, 12_500_000)])
def test_a_chunk_goes_out_when_it_is_complete(speed: float, step_ns: int) -> None:
    clock = FakeClock()

    sent = captured(Pacer(clock, speed), clock)

    assert sent == [(step_ns * number, step_ns * number) for number in range(5)]


def test_work_between_chunks_does_not_add_up() -> None:
    """Deadlines are absolute: the producer's own time never makes a call longer."""
    clock = FakeClock()

    sent = captured(Pacer(clock, 1.0), clock, work_ns=30_000_000)

    assert [at_ns for _, at_ns in sent] == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000]


def test_lateness_shows_in_the_latency_and_not_in_the_capture_time() -> None:
    clock = FakeClock()

    sent = captured(Pacer(clock, 1.0), clock, work_ns=250_000_000)

    stamps = [stamp for stamp, _ in sent]
    assert stamps == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000]
    assert sent[-1][1] == 1_000_000_000


def test_full_speed_never_waits_but_lets_others_run() -> None:
    clock = FakeClock()

    sent = captured(Pacer(clock, None), clock, work_ns=5)

    assert clock.sleeps == [0] * 5
    assert sent == [(5 * number, 5 * number) for number in range(5)]
