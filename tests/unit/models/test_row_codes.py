"""Rows of a matrix in four and five bits."""

import numpy as np
import pytest

from models.audio.samples import FloatArray
from models.row_codes import LEVELS, Bits, encode_rows, widened_columns

BITS: tuple[Bits, ...] = (4, 5)


def _decoded(rows: FloatArray, bits: Bits) -> FloatArray:
    codes = encode_rows(rows, bits)
    bytes_a_column = sum(part.shape[1] for part in (codes.nibbles, codes.plane) if part is not None)
    assert 8 * bytes_a_column == bits * len(rows)
    decoded = (widened_columns(codes.nibbles, codes.plane) * codes.scales).T
    return decoded.astype(np.float32)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("bits", "least"), [(4, 0.0095), (5, 0.0025)])
def test_normal_numbers_lose_hardly_more_than_they_must(
    bits: Bits, least: float, size: float
) -> None:
    """The least that so many levels lose of the variance of infinitely many (Max 1960)."""
    rows = (np.random.default_rng(1).standard_normal((200, 384)) * size).astype(np.float32)

    lost = ((_decoded(rows, bits) - rows) ** 2).sum(axis=1) / (rows**2).sum(axis=1)

    assert 0.85 * least < lost.mean() < 1.1 * least
    assert lost.max() < 1.7 * least


@pytest.mark.parametrize("bits", BITS)
def test_each_row_has_its_own_scale_and_place(bits: Bits) -> None:
    """Also where rows share bytes; a row of levels is kept exactly."""
    sizes = 2.0 ** np.arange(-8, 8)[:, None]
    rows = LEVELS[bits][np.random.default_rng(2).integers(0, 2**bits, (16, 100))] * sizes
    rows[:, :1] = 127 * sizes

    assert _decoded(rows.astype(np.float32), bits) == pytest.approx(rows, rel=1e-5)


@pytest.mark.parametrize("bits", BITS)
def test_a_row_of_zeros_stays_small(bits: Bits) -> None:
    rows = np.ones((8, 16), np.float32)
    rows[3] = 0.0

    decoded = _decoded(rows, bits)

    assert np.isfinite(decoded).all()
    assert np.abs(decoded[3]).max() < 1e-30
    assert decoded[4] == pytest.approx(rows[4])


@pytest.mark.parametrize("bits", BITS)
def test_levels_ascend_and_mirror_each_other(bits: Bits) -> None:
    levels = LEVELS[bits].astype(int)

    assert len(levels) == 2**bits
    assert (np.diff(levels) > 0).all()
    assert (levels == -levels[::-1]).all()
