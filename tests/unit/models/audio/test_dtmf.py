"""Keys are told from voices and from other tones."""

import numpy as np
import pytest

from models.audio.dtmf import COLUMN_HZ, ROW_HZ, dtmf_share
from models.audio.samples import FloatArray
from tests.support.models.synthetic_audio import babble, noise, silence, tones


@pytest.mark.parametrize("row_hz", ROW_HZ)
@pytest.mark.parametrize("column_hz", COLUMN_HZ)
def test_every_key_is_heard_in_noise(row_hz: int, column_hz: int) -> None:
    key = np.concatenate((silence(200), tones(80, row_hz, column_hz, level=0.4), silence(200)))

    assert dtmf_share(key + noise(480, level=0.005)) > 0.5


@pytest.mark.parametrize(
    "samples",
    [
        babble(3_000),
        noise(1_000),
        tones(1_000, 440),
        tones(1_000, 350, 440),
        tones(1_000, 697),
        silence(1_000),
        silence(5),
        silence(0),
    ],
)
def test_other_sounds_are_no_keys(samples: FloatArray) -> None:
    assert dtmf_share(samples) < 0.1
