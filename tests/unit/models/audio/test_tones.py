"""Tones stand still, voices and noise do not."""

import numpy as np
import pytest

from models.audio.samples import FloatArray
from models.audio.tones import tone_shares
from tests.support.models.synthetic_audio import babble, fax, noise, silence, tones


@pytest.mark.parametrize(
    "sound",
    [
        tones(2_000, 440, 480),
        tones(2_000, *(50 * n for n in range(1, 12))),
        tones(2_000, 425, level=0.003) + noise(2_000, level=0.0002),
        np.concatenate([tones(250, 480, 620), silence(250)] * 4),
    ],
    ids=["ringback", "hum", "quiet", "reorder"],
)
def test_tones_and_hum_stand_still(sound: FloatArray) -> None:
    assert tone_shares(sound).steady > 0.7


@pytest.mark.parametrize(
    "sound",
    [babble(4_000), noise(4_000), babble(4_000) + 0.05 * tones(4_000, 440, 480), silence(1_000)],
    ids=["voice", "noise", "voice over a tone", "silence"],
)
def test_voices_and_noise_do_not(sound: FloatArray) -> None:
    assert tone_shares(sound).steady < 0.3


@pytest.mark.parametrize("samples", [0, 1, 1_535, 2_303, 2_304, 3_071, 3_072])
def test_a_moment_is_too_short_to_tell(samples: int) -> None:
    """Two blocks that share no sample are needed."""
    share = tone_shares(tones(1_000, 440)[:samples]).steady

    assert (share > 0.6) == (samples >= 3_072)


@pytest.mark.parametrize("sound", [fax(2_000), fax(60), tones(2_000, 2_100)])
def test_what_machines_send_is_narrow(sound: FloatArray) -> None:
    assert tone_shares(sound).narrow > 0.75


@pytest.mark.parametrize("sound", [babble(2_000), noise(2_000), silence(500), silence(0)])
def test_voices_and_noise_are_broad(sound: FloatArray) -> None:
    assert tone_shares(sound).narrow < 0.55
