"""The training's telephone line is the live path's."""

from __future__ import annotations

import numpy as np

from training.asr.speech.telephone_line import pass_through_g711


def test_the_line_changes_a_sample_by_its_nearest_level() -> None:
    """The round trip never moves a sample further than half a step of its segment."""
    samples = np.linspace(-0.9, 0.9, 4001).astype(np.float32)

    for a_law in (False, True):
        error = np.abs(pass_through_g711(samples, a_law=a_law) - samples)
        assert (error <= np.abs(samples) / 32 + 5e-4).all()
