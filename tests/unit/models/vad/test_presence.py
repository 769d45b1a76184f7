"""How sure voice activity detection is of a sound by itself."""

import numpy as np
import pytest
import soxr

from models.audio.samples import FloatArray, halved
from models.vad.presence import speech_peak
from tests.support.calls.recorded_calls import demo_audio
from tests.support.models.synthetic_audio import fax, noise, silence, tones


def caller(start_ms: int, end_ms: int) -> FloatArray:
    """Return a stretch of the bundled call's caller at 16 kHz."""
    wide = soxr.resample(demo_audio()[start_ms * 8 : end_ms * 8, 0], 8_000, 16_000, "HQ")
    return np.asarray(wide, dtype=np.float32)


def test_a_voice_has_frames_that_are_surely_speech() -> None:
    peaks = [
        speech_peak(caller(start_ms, start_ms + 2_000)) for start_ms in range(0, 60_000, 2_000)
    ]

    assert sum(peak > 0.97 for peak in peaks) >= 12  # the caller speaks about half of the time


@pytest.mark.parametrize(
    "samples", [silence(1_000), noise(1_000), tones(1_000, 440, 480), fax(1_000), silence(10)]
)
def test_what_is_no_voice_has_none(samples: FloatArray) -> None:
    assert speech_peak(samples) < 0.5


def test_half_a_rate_is_the_mean_of_two_samples() -> None:
    assert halved(np.array([1, 3, -1, -1, 9], np.float32)).tolist() == [2, -1]
    assert halved(silence(0)).tolist() == []
