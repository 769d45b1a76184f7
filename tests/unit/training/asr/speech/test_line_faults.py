"""Lost packets, a codec of low rate, overload."""

import numpy as np
import pytest

from training.asr.speech.augment import Augmentation, Background, augment
from training.asr.speech.line_faults import (
    PACKET_SAMPLES,
    lose_packets,
    overload,
    pass_through_low_rate_codec,
)

_RATE_HZ = 8_000


def _voice(seconds: float = 2.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return a buzz of 120 Hz through a formant, with a level that moves like speech."""
    clock = np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ
    tones = sum(np.sin(2 * np.pi * 120 * n * clock) / n for n in range(1, 20))
    return np.asarray(0.2 * tones * (1 + np.sin(2 * np.pi * 3 * clock)) / 2, np.float32)


def test_the_share_of_lost_packets_is_the_one_asked_for() -> None:
    """Also in bursts."""
    voice = _voice(120)

    heard = lose_packets(voice, np.random.default_rng(3), share=0.1)

    changed = (heard != voice).reshape(-1, PACKET_SAMPLES).any(axis=1)
    assert np.mean(changed) == pytest.approx(0.1, abs=0.02)


def test_a_lost_packet_is_concealed_and_a_long_burst_ends_in_silence() -> None:
    """Three repeats that fade, then nothing."""
    voice = np.ones(400 * PACKET_SAMPLES, np.float32)

    heard = lose_packets(voice, np.random.default_rng(1), share=0.95, burst=1000)

    levels = heard.reshape(-1, PACKET_SAMPLES)[:, 0]
    first = int(np.flatnonzero(levels < 1)[0])
    assert levels[first : first + 4] == pytest.approx([0.6, 0.36, 0.216, 0.0], abs=1e-6)


def test_the_codec_keeps_speech_recognisable_and_changes_it() -> None:
    """Its spectrum stays, its samples do not."""
    voice = _voice()

    heard = pass_through_low_rate_codec(voice)

    assert heard.shape == voice.shape
    before, after = (np.abs(np.fft.rfft(x))[: len(voice) // 8] for x in (voice, heard))
    assert np.corrcoef(before, after)[0, 1] > 0.8
    assert np.abs(heard - voice).max() > 0.01


def test_digital_silence_stays_silent_in_the_codec() -> None:
    """No division by an energy of zero."""
    heard = pass_through_low_rate_codec(np.zeros(1_600, np.float32))

    assert np.isfinite(heard).all()
    assert np.abs(heard).max() < 1e-6


def test_overload_clips_at_full_scale() -> None:
    """Never beyond it."""
    heard = overload(_voice(), 10.0)

    assert np.abs(heard).max() == 1.0
    assert np.mean(np.abs(heard) == 1.0) > 0.1


def test_effects_of_probability_zero_draw_nothing() -> None:
    """So that the runs of older recipes repeat bit by bit."""
    random = np.random.default_rng(5)
    augment(_voice(), Augmentation(), Background(None), random)
    untouched = np.random.default_rng(5)
    untouched.uniform(np.log(0.3), 0.0)
    for _ in range(4):  # reverberation, filter, noise, A-law
        untouched.random()

    assert random.bit_generator.state == untouched.bit_generator.state


@pytest.mark.parametrize(
    "effect",
    ["music_probability", "overload_probability", "codec_probability", "loss_probability"],
)
def test_each_effect_changes_the_speech(effect: str) -> None:
    """With the same other draws, or the effect would not be there."""
    plain = augment(_voice(), Augmentation(), Background(None), np.random.default_rng(7))

    changed = augment(
        _voice(),
        Augmentation(**{effect: 1.0}, max_loss=0.5),
        Background(None),
        np.random.default_rng(7),
    )

    assert changed.shape == plain.shape
    assert not np.array_equal(changed, plain)


def test_an_echo_is_the_other_party_at_the_level_asked_for() -> None:
    """At most 22 dB under the speech by default."""
    settings = Augmentation(echo_probability=1.0, min_echo_db=22.0, min_peak=0.99)
    other = np.random.default_rng(1).standard_normal(_RATE_HZ).astype(np.float32)
    plain = augment(_voice(), Augmentation(min_peak=0.99), Background(None), _Fixed())

    echoed = augment(_voice(), settings, Background(None), _Fixed(), other=other)

    ratio = np.square(plain).sum() / np.square(echoed - plain).sum()
    assert 10 * np.log10(ratio) > 21


class _Fixed(np.random.Generator):
    """A generator whose draws are the lowest."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(1))

    def random(self, *_args: object, **_named: object) -> float:  # type: ignore[override]
        return 0.0

    def uniform(self, low: float = 0.0, *_args: object, **_named: object) -> float:  # type: ignore[override]
        return low
