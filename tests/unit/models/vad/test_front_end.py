"""Where frames lie, what the warm-up does, and how late frames come."""

import tracemalloc

import numpy as np
import pytest

from models.audio.resample import SOURCE_RATES_HZ
from models.audio.samples import FloatArray
from models.vad import (
    MAX_LATENCY_MS,
    PRE_ROLL_SAMPLES,
    WARM_UP_MS,
    ChannelFrontEnd,
    Detectors,
    Frame,
    SileroVad,
    load_vad,
    score_ahead,
    warm_up_samples,
)
from schemas.errors import AudioFormatError
from tests.support.models.synthetic_audio import babble, noise, silence, tones


class LoudnessDetector:
    """A detector without memory: loud frames are speech."""

    def __init__(self, sample_rate_hz: int = 16_000) -> None:
        self.sample_rate_hz = sample_rate_hz

    def initial_state(self) -> FloatArray:
        """Return nothing to remember."""
        return np.zeros(1, dtype=np.float32)

    def probabilities(self, frames: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return 1 for frames with a sample above 0.05."""
        return (np.abs(frames).max(axis=1) > 0.05).astype(np.float32), state


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return load_vad()


def loudness_front_end(rate_hz: int) -> ChannelFrontEnd:
    return ChannelFrontEnd(rate_hz, LoudnessDetector())


@pytest.mark.parametrize("rate_hz", SOURCE_RATES_HZ)
def test_frame_zero_starts_at_the_origin(rate_hz: int) -> None:
    front_end = loudness_front_end(rate_hz)
    front_end.rebuild(tones(600, 300, rate_hz=rate_hz))
    tail = tones(640, 300, rate_hz=rate_hz)

    frames = front_end.insert(tail) + front_end.flush()

    resampled = np.concatenate([frame.samples for frame in frames])
    assert [frame.index for frame in frames] == list(range(20))
    assert np.allclose(resampled[:9_600], tones(600, 300), atol=1e-3)


@pytest.mark.parametrize("rate_hz", SOURCE_RATES_HZ)
def test_the_pre_roll_is_the_audio_before_the_origin(rate_hz: int) -> None:
    history = tones(2_000, 250, rate_hz=rate_hz)
    front_end = loudness_front_end(rate_hz)
    front_end.rebuild(history)
    front_end.insert(silence(200, rate_hz=rate_hz))

    expected = tones(2_000, 250)[-PRE_ROLL_SAMPLES:]
    assert front_end.pre_roll.shape == (PRE_ROLL_SAMPLES,)
    assert np.allclose(front_end.pre_roll[800:-800], expected[800:-800], atol=1e-3)


def test_missing_history_is_silence() -> None:
    front_end = loudness_front_end(8_000)
    front_end.rebuild(tones(100, 250, rate_hz=8_000))
    front_end.insert(silence(200, rate_hz=8_000))

    assert np.abs(front_end.pre_roll[: 16 * 400]).max() < 0.01
    assert np.abs(front_end.pre_roll[16 * 412 :]).max() > 0.25


def test_only_the_warm_up_before_the_origin_counts(vad: SileroVad) -> None:
    history = babble(1_500, rate_hz=8_000)
    first, second = ChannelFrontEnd(8_000, vad), ChannelFrontEnd(8_000, vad)
    first.rebuild(history)
    second.insert(noise(700, rate_hz=8_000))
    second.rebuild(history[-warm_up_samples(8_000) :])

    for one, other in zip(
        first.insert(babble(500, seed=1, rate_hz=8_000)),
        second.insert(babble(500, seed=1, rate_hz=8_000)),
        strict=True,
    ):
        assert np.array_equal(one.samples, other.samples)
        assert one.probability == other.probability


def test_the_warm_up_reaches_the_detector(vad: SileroVad) -> None:
    warm, cold = ChannelFrontEnd(16_000, vad), ChannelFrontEnd(16_000, vad)
    warm.rebuild(babble(1_000))

    following = babble(64, seed=1)
    assert warm.insert(following)[0].probability != cold.insert(following)[0].probability


@pytest.mark.parametrize("rate_hz", SOURCE_RATES_HZ)
def test_frames_come_within_the_latency_bound(rate_hz: int) -> None:
    front_end = loudness_front_end(rate_hz)
    chunk_ms, frames = 5, 0
    for elapsed_ms in range(chunk_ms, 1_500, chunk_ms):
        frames += len(front_end.insert(silence(chunk_ms, rate_hz=rate_hz)))
        assert elapsed_ms - frames * 32 <= MAX_LATENCY_MS


def test_flush_pads_the_last_frame_with_zeros() -> None:
    front_end = loudness_front_end(16_000)
    loud = tones(40, 300)

    frames = front_end.insert(loud) + front_end.flush()

    assert len(frames) == 2
    assert np.array_equal(np.concatenate([frame.samples for frame in frames])[:640], loud)
    assert not frames[1].samples[128:].any()


def test_flush_right_after_the_origin_yields_nothing() -> None:
    front_end = loudness_front_end(8_000)

    assert front_end.flush() == []
    assert front_end.pre_roll.shape == (PRE_ROLL_SAMPLES,)
    with pytest.raises(AudioFormatError, match="flushed"):
        front_end.insert(silence(20, rate_hz=8_000))


def test_the_probability_belongs_to_its_frame() -> None:
    front_end = loudness_front_end(16_000)

    frames = front_end.insert(np.concatenate((silence(32), tones(32, 1_000, level=0.5))))

    assert [frame.probability for frame in frames] == [0, 1]


def test_the_warm_up_is_half_a_second() -> None:
    assert WARM_UP_MS == 512
    assert warm_up_samples(8_000) == 4_096
    assert warm_up_samples(44_100) * 16_000 / 44_100 == 8_320


def test_telephone_audio_is_heard_without_delay() -> None:
    front_end = ChannelFrontEnd(8_000, LoudnessDetector(8_000))

    frames = front_end.insert(tones(64, 300, rate_hz=8_000))

    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].samples.shape == (256,)


def test_detectors_choose_the_network_by_the_rate_of_the_source() -> None:
    detectors = Detectors()

    assert detectors.front_end(8_000).vad.sample_rate_hz == 8_000
    assert detectors.front_end(16_000).vad.sample_rate_hz == 16_000
    assert detectors.front_end(48_000).vad.sample_rate_hz == 16_000


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_scoring_ahead_changes_nothing(rate_hz: int) -> None:
    detectors = Detectors()
    ahead = [detectors.front_end(rate_hz) for _ in range(9)]
    alone = [detectors.front_end(rate_hz) for _ in range(9)]
    audio = [babble(1_500, seed=seed, rate_hz=rate_hz) for seed in range(9)]
    for start in range(0, 15 * rate_hz // 10, rate_hz // 10):
        chunks = [samples[start : start + rate_hz // 10] for samples in audio]
        score_ahead(zip(ahead, chunks, strict=True))
        for one, other, chunk in zip(ahead, alone, chunks, strict=True):
            assert content(one.insert(chunk)) == content(other.insert(chunk))


def test_what_the_network_takes_is_told_by_the_clock_of_the_caller() -> None:
    vads = [load_vad(sample_rate_hz=rate_hz) for rate_hz in (8_000, 16_000)]
    announced = [
        (ChannelFrontEnd(vad.sample_rate_hz, vad), babble(400, rate_hz=vad.sample_rate_hz))
        for vad in vads
    ]
    times_s = iter((1.0, 1.5, 7.0, 7.25))

    assert score_ahead(announced, lambda: next(times_s)) == 0.75
    assert score_ahead([]) == 0.0


def test_scores_of_other_audio_than_comes_are_not_used() -> None:
    vad = load_vad(sample_rate_hz=8_000)
    misled, alone = ChannelFrontEnd(8_000, vad), ChannelFrontEnd(8_000, vad)
    speech = babble(400, rate_hz=8_000)

    score_ahead([(misled, noise(400, rate_hz=8_000))])

    assert content(misled.insert(speech)) == content(alone.insert(speech))


def test_scores_from_before_a_rebuild_are_not_used() -> None:
    vad = load_vad(sample_rate_hz=8_000)
    rebuilt, alone = ChannelFrontEnd(8_000, vad), ChannelFrontEnd(8_000, vad)
    speech = babble(400, rate_hz=8_000)
    score_ahead([(rebuilt, speech)])

    for front_end in (rebuilt, alone):
        front_end.rebuild(babble(600, seed=3, rate_hz=8_000))

    assert content(rebuilt.insert(speech)) == content(alone.insert(speech))


def content(frames: list[Frame]) -> list[tuple[int, bytes, float]]:
    return [(frame.index, frame.samples.tobytes(), frame.probability) for frame in frames]


def test_a_new_front_end_holds_little() -> None:
    """A gateway may open thousands of channels that never say more than 200 ms."""
    detectors = Detectors()
    piece = np.full(1_600, 0.1, dtype=np.float32)
    detectors.front_end(8_000).insert(piece)
    tracemalloc.start()
    try:
        opened = [detectors.front_end(8_000) for _ in range(50)]
        heard = [front_end.insert(piece) for front_end in opened]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert all(heard)
    assert held / len(opened) < 16 * 1024
