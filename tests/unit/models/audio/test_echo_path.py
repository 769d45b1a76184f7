"""Delay and filter of an echo."""

import numpy as np
import pytest

from models.audio.echo_path import find_delay, fit_filter, residual
from models.audio.samples import FloatArray

RATE_HZ = 8_000
TAPS = 96


def noise(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


@pytest.mark.parametrize("delay", [-3_200, -160, 0, 2, 1_440, 3_584])
def test_the_delay_is_that_of_the_first_signal(delay: int) -> None:
    audio = noise(16_000)

    found = find_delay(audio[4_000 - delay :][:7_680], audio[4_000:][:7_680], RATE_HZ, 3_584)

    assert found.samples == delay
    assert found.sharpness > 20


def test_independent_signals_have_no_sharp_delay() -> None:
    for seed in range(20):
        found = find_delay(noise(7_680, seed), noise(7_680, seed + 100), RATE_HZ, 3_584)
        assert found.sharpness < 5.5


def test_the_filter_of_an_echo_is_found() -> None:
    audio, taps = noise(4_096 + TAPS - 1), noise(TAPS, seed=1)
    copy = np.convolve(audio, taps, "valid")

    found = fit_filter(copy, audio, TAPS)

    assert np.abs(found - taps).max() < 0.01
    assert np.square(residual(copy, audio, found)).mean() < 1e-4 * np.square(copy).mean()


def test_the_filter_is_that_of_least_squares() -> None:
    """Also where the reference's level changes, which a filter from autocorrelations neglects."""
    audio = noise(2_000 + TAPS - 1) * np.linspace(3, 0.1, 2_000 + TAPS - 1, dtype=np.float32)
    copy = np.convolve(audio, noise(TAPS, seed=1), "valid") + noise(2_000, seed=2)
    lagged = np.stack([audio[TAPS - 1 - tap :][:2_000] for tap in range(TAPS)], axis=1)

    expected = np.linalg.lstsq(lagged.astype(np.float64), copy, rcond=None)[0]

    assert np.abs(fit_filter(copy, audio, TAPS) - expected).max() < 0.01


@pytest.mark.parametrize("level", [0.0, 1e-30])
def test_silence_has_a_filter_of_numbers(level: float) -> None:
    audio = noise(2_000 + TAPS - 1) * np.float32(level)

    assert np.isfinite(fit_filter(audio[TAPS - 1 :], audio, TAPS)).all()
    assert find_delay(audio[:1_000], audio[:1_000], RATE_HZ, 400).sharpness < 1e6
