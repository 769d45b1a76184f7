"""The level and the health of a call's channels: figures, faults, one warning."""

from collections.abc import Callable

import numpy as np
import pytest

from models.audio.g711 import decode_mulaw, encode_mulaw
from models.audio.levels import measure_levels
from models.audio.samples import FloatArray
from schemas.audio import AudioChunk, AudioTopicMessage
from schemas.transcripts import CallTranscribed, ChannelHealth
from stream_app.calls.counters import CallCounters
from stream_app.calls.effects import Tell
from stream_app.calls.transcribe.levels.channel_levels import ChannelLevels, LevelPoint
from stream_app.calls.transcribe.levels.health import channel_health
from stream_app.calls.transcribe.notices import unhealthy_channels
from tests.support.calls.apart_calls import apart
from tests.support.calls.partition_log import Durable, Worker
from tests.support.calls.recorded_calls import (
    RATE_HZ,
    call_ended,
    call_started,
    chunk,
    demo_audio,
    fingerprint,
    transcriber,
)

SECONDS = 20


def speech(channel: int = 0) -> FloatArray:
    return np.ascontiguousarray(demo_audio()[: SECONDS * RATE_HZ, channel])


def noise(level_dbfs: float) -> FloatArray:
    samples = np.random.default_rng(7).standard_normal(SECONDS * RATE_HZ)
    return (samples * 10 ** (level_dbfs / 20)).astype(np.float32)


def on_the_line(audio: FloatArray) -> FloatArray:
    return decode_mulaw(encode_mulaw(audio.astype(np.float32)))


def levels(audio: FloatArray, *, chunk_ms: int = 100, rate_hz: int = RATE_HZ) -> LevelPoint:
    channel, step = ChannelLevels(LevelPoint()), rate_hz * chunk_ms // 1000
    channel.begin(rate_hz)
    for start in range(0, len(audio), step):
        channel.add(start, audio[start : start + step])
    channel.stop()
    return channel.point


def health(audio: FloatArray) -> ChannelHealth:
    return channel_health(levels(on_the_line(audio)))


FAULTS: dict[str, tuple[Callable[[], FloatArray], tuple[str, ...]]] = {
    "healthy": (speech, ()),
    "the other one": (lambda: speech(1), ()),
    "digital silence": (lambda: speech() * 0, ("silent",)),
    "faint noise": (lambda: noise(-80), ("silent",)),
    "very quiet speech": (lambda: speech() * 0.01, ("quiet",)),
    "far too loud": (lambda: speech() * 6, ("clipped",)),
    "an offset": (lambda: speech() * 0.5 + 0.03, ("offset",)),
    "an offset below": (lambda: speech() * 0.5 - 0.03, ("offset",)),
    "speech in noise": (lambda: speech() + noise(-30), ("noise",)),
    "noise alone": (lambda: noise(-30), ("noise",)),
    "quiet noise alone": (lambda: noise(-43), ("noise",)),
    "an offset of silence": (lambda: speech() * 0 + 0.05, ("quiet", "offset")),
}


@pytest.mark.parametrize(("audio", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_is_found(audio: Callable[[], FloatArray], faults: tuple[str, ...]) -> None:
    assert health(audio()).faults == faults


@pytest.mark.parametrize("level_dbfs", [-12, -30, -50])
def test_a_level_is_right_to_within_a_step(level_dbfs: int) -> None:
    found = health(noise(level_dbfs))

    assert found.level_dbfs == pytest.approx(level_dbfs, abs=3)
    assert found.noise_dbfs == pytest.approx(level_dbfs, abs=3)


def test_figures_of_silence_and_of_an_offset() -> None:
    half = np.concatenate([speech() * 0, noise(-20) * 0.5 + 0.2])

    found = health(half)

    assert found.silent_share == pytest.approx(0.5, abs=0.01)
    assert found.dc_offset == pytest.approx(0.1, abs=0.005)


def test_a_short_channel_is_not_judged() -> None:
    assert channel_health(levels(np.zeros(9 * RATE_HZ, dtype=np.float32))).faults == ()
    assert channel_health(LevelPoint()).faults == ()


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100])
def test_chunks_change_nothing(rate_hz: int) -> None:
    audio = on_the_line(noise(-20))
    whole = levels(audio, chunk_ms=20_000, rate_hz=rate_hz)

    for chunk_ms in (20, 33, 60, 200, 1_000):
        assert levels(audio, chunk_ms=chunk_ms, rate_hz=rate_hz) == whole


def test_what_was_measured_is_measured_once_after_a_takeover() -> None:
    """Audio is read again from any position behind which a checkpoint has the levels."""
    audio, step = on_the_line(speech()), 800
    first = ChannelLevels(LevelPoint())
    first.begin(RATE_HZ)
    for start in range(0, len(audio) - 5 * RATE_HZ, step):
        first.add(start, audio[start : start + step])
    for position in (0, 8_000, 20_800, 33_600):
        point = first.point_at(position)
        later = ChannelLevels(point)
        later.begin(RATE_HZ)
        for start in range(position, len(audio), step):
            later.add(start, audio[start : start + step])
        later.stop()
        assert later.point == levels(audio)


def test_levels_of_a_frame() -> None:
    frame = np.full(400, 0.5, dtype=np.float32)
    frame[::2] = -0.5

    found = measure_levels(np.concatenate([frame, np.zeros(400, dtype=np.float32)]), RATE_HZ)

    assert (found.samples, found.total, found.peak, found.clipped) == (800, 0, 16_384, 0)
    assert found.frames[0] == 1  # digital silence
    assert found.frames[(96 - 7) // 3 + 1] == 1  # -6.02 dBFS


def messages(first: FloatArray, second: FloatArray) -> list[AudioTopicMessage]:
    audio = np.stack([first, second], axis=1).astype(np.float32)
    chunks = [chunk("c", n, n * 800, audio[n * 800 : (n + 1) * 800]) for n in range(10 * SECONDS)]
    return [call_started("c"), *chunks, call_ended("c")]


def test_the_end_of_a_call_has_the_health_of_each_channel() -> None:
    """Also where the channels come in messages of their own, and after a crash."""
    loud = (speech() * 6).astype(np.float32)
    start, *chunks, end = messages(loud, speech() * 0)
    tracks = apart([each for each in chunks if isinstance(each, AudioChunk)])
    expected = (health(loud), health(speech() * 0))

    for audio in (chunks, tracks):
        log = [("c", message) for message in (start, *audio, end)]
        for crash in (len(log) // 3, len(log) - 1):
            durable = Durable()
            Worker(log, durable, transcriber, fingerprint).run(messages=crash)
            Worker(log, durable, transcriber, fingerprint).run()
            (found,) = [m for m in durable.outputs if isinstance(m, CallTranscribed)]
            assert found.summary.health == expected


def test_a_call_is_told_of_once_at_its_end() -> None:
    call = transcriber("c")
    told = [
        effect
        for offset, message in enumerate(messages(speech(), speech() * 0))
        for effect in call.feed(message, offset)
        if isinstance(effect, Tell)
    ]

    assert told == [Tell("call.channels_unhealthy", {"channel_1": "silent"})]
    assert call.counters.silent_channels == 1


def test_a_warning_names_every_channel_with_its_faults() -> None:
    found = tuple(map(health, (speech() * 6, speech(), speech() * 0)))
    counters = CallCounters()

    (told,) = unhealthy_channels(found, counters)

    assert told == Tell("call.channels_unhealthy", {"channel_0": "clipped", "channel_2": "silent"})
    assert (counters.clipped_channels, counters.silent_channels) == (1, 1)


def test_healthy_channels_are_not_told() -> None:
    counters = CallCounters()

    assert unhealthy_channels((health(speech()), health(speech(1))), counters) == ()
    assert counters == CallCounters()
