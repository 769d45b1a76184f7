"""How far confidences are from the share of right answers."""

from __future__ import annotations

import numpy as np
import pytest

from training.measuring.reliability import calibration_error, reliability

CONFIDENCE, IS_RIGHT = np.array([0.61, 0.69]), np.array([True, False])


def test_answers_of_one_bin_are_taken_together() -> None:
    (found,) = reliability(CONFIDENCE, IS_RIGHT, bins=10)

    assert (found.answers, found.confidence, found.right) == (2, 0.65, 0.5)
    assert calibration_error(CONFIDENCE, IS_RIGHT, bins=10) == pytest.approx(0.15)


def test_narrower_bins_tell_them_apart() -> None:
    assert [one.right for one in reliability(CONFIDENCE, IS_RIGHT, bins=15)] == [1.0, 0.0]
    assert calibration_error(CONFIDENCE, IS_RIGHT, bins=15) == pytest.approx((0.39 + 0.69) / 2)


def test_no_answers_have_no_error() -> None:
    assert calibration_error(np.array([]), np.array([], dtype=bool)) == 0.0
