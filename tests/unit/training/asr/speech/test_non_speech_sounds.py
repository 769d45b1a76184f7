"""Sound without words to train on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from training.asr.speech.augment import Background
from training.asr.speech.music import at_any_rate, held_chords, song
from training.asr.speech.non_speech import NonSpeechSounds

_RATE_HZ = 8_000


@pytest.mark.parametrize("make", [held_chords, song])
@pytest.mark.parametrize("length", [_RATE_HZ, 5 * _RATE_HZ + 1])
def test_music_is_as_long_as_asked_for_and_a_function_of_its_draws(
    make: Callable[[np.random.Generator, int], NDArray[np.float64]], length: int
) -> None:
    one, same, other = (make(np.random.default_rng(seed), length) for seed in (1, 1, 2))

    assert one.shape == (length,)
    assert np.isfinite(one).all()
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)
    loud = np.abs(one).reshape(-1)[: length // 100 * 100].reshape(100, -1).max(axis=1)
    assert (loud > 0.01).mean() > 0.5, "sound for most of the time"


def test_music_is_played_at_other_rates() -> None:
    """A tone of one pitch comes at many, up to a third lower or higher."""

    def tone(_random: np.random.Generator, length: int) -> NDArray[np.float64]:
        samples: NDArray[np.float64] = np.sin(2 * np.pi * 1000 / _RATE_HZ * np.arange(length))
        return samples

    pitches_hz = [
        float(
            np.abs(np.fft.rfft(at_any_rate(tone)(np.random.default_rng(seed), _RATE_HZ))).argmax()
        )
        for seed in range(40)
    ]

    assert 750 < min(pitches_hz) < 850
    assert 1_180 < max(pitches_hz) < 1_330


def test_sounds_to_train_on_are_as_long_as_asked_for_and_of_every_level() -> None:
    sounds = NonSpeechSounds(Background(None))

    drawn = [sounds.draw(np.random.default_rng(seed), 6_000 + seed) for seed in range(60)]

    assert [len(one) for one in drawn] == [6_000 + seed for seed in range(60)]
    levels = [float(np.abs(one).max()) for one in drawn]
    assert min(levels) < 0.02
    assert max(levels) > 0.3
