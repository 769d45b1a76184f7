"""Rows of a matrix in four bits."""

import numpy as np
import pytest

from models.row_codes import LEVELS, FloatArray, encode_rows, widened_columns


def _decoded(rows: FloatArray) -> FloatArray:
    codes, scales = encode_rows(rows)
    assert codes.shape == (rows.shape[1], len(rows) // 2)
    decoded: FloatArray = (widened_columns(codes) * scales).T.astype(np.float32)
    return decoded


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_normal_numbers_lose_a_tenth(size: float) -> None:
    """The least that sixteen levels can lose is 0.0095 of the variance (Max 1960)."""
    rows = (np.random.default_rng(1).standard_normal((200, 384)) * size).astype(np.float32)

    lost = ((_decoded(rows) - rows) ** 2).sum(axis=1) / (rows**2).sum(axis=1)

    assert 0.0085 < lost.mean() < 0.0095
    assert lost.max() < 0.015


def test_each_row_has_its_own_scale_and_place() -> None:
    """Also where the halves share bytes; a row of levels is kept exactly."""
    rows = (
        LEVELS[np.random.default_rng(2).integers(0, 16, (8, 100))]
        * 2.0 ** np.arange(-4, 4)[:, None]
    )
    rows[:, 0] = 127 * 2.0 ** np.arange(-4, 4)

    assert _decoded(rows.astype(np.float32)) == pytest.approx(rows, rel=1e-5)


def test_a_row_of_zeros_stays_small() -> None:
    rows = np.zeros((2, 16), np.float32)
    rows[1] = 1.0

    decoded = _decoded(rows)

    assert np.isfinite(decoded).all()
    assert np.abs(decoded[0]).max() < 1e-30
    assert decoded[1] == pytest.approx(rows[1])
