"""The resampler's time mapping and its failures."""

import numpy as np
import pytest

from models.audio.resample import (
    MAX_RESAMPLER_LATENCY_MS,
    SOURCE_RATES_HZ,
    StreamResampler,
    source_position,
)
from schemas.errors import AudioFormatError


def tone(rate_hz: int, seconds: float = 1.0, frequency_hz: float = 440.0) -> np.ndarray:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * time).astype(np.float32)


@pytest.mark.parametrize("rate_hz", SOURCE_RATES_HZ)
def test_output_sample_k_lies_k_sixteen_thousandths_after_the_first_input(rate_hz: int) -> None:
    resampler = StreamResampler(rate_hz)

    output = np.concatenate((resampler.insert(tone(rate_hz)), resampler.flush()))

    assert len(output) == 16_000
    middle = slice(4_000, 12_000)
    assert np.allclose(output[middle], tone(16_000)[middle], atol=1e-5)


@pytest.mark.parametrize("rate_hz", SOURCE_RATES_HZ)
def test_the_latency_stays_below_its_bound(rate_hz: int) -> None:
    resampler = StreamResampler(rate_hz)
    samples = tone(rate_hz, seconds=2)
    step, delivered = rate_hz // 200, 0

    for end in range(step, len(samples) + 1, step):
        delivered += len(resampler.insert(samples[end - step : end]))
        assert end / rate_hz - delivered / 16_000 <= MAX_RESAMPLER_LATENCY_MS / 1_000


def test_an_unsupported_rate_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="8001 Hz"):
        StreamResampler(8_001)


def test_stereo_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="one dimension"):
        StreamResampler(8_000).insert(np.zeros((2, 10), dtype=np.float32))


def test_nothing_can_follow_a_flush() -> None:
    resampler = StreamResampler(8_000)
    resampler.flush()

    with pytest.raises(AudioFormatError, match="flushed"):
        resampler.insert(tone(8_000))


@pytest.mark.parametrize(
    ("position", "rate_hz", "expected"),
    [(512, 8_000, 256), (512, 48_000, 1_536), (512, 11_025, 353), (0, 44_100, 0)],
)
def test_positions_map_back_to_source_samples(position: int, rate_hz: int, expected: int) -> None:
    assert source_position(position, rate_hz) == expected
