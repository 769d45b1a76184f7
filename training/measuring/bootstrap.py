"""Figures with 95 % intervals, by the bootstrap over groups of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from models.intervals import wilson

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

_TAILS = (2.5, 97.5)  # percentiles of a 95 % interval
_RESAMPLES_AT_ONCE = 100


class Figure(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it in percent."""
        return f"{self.value:.1%} ({100 * self.low:.1f}-{100 * self.high:.1f})"


def resampled_sums(
    columns: npt.NDArray[np.generic], groups: npt.NDArray[np.int64], resamples: int, seed: int
) -> FloatArray:
    """Return the sums of columns in samples of groups that are drawn with replacement.

    Args:
        columns: Shape (rows, columns).
        groups: Of each row; rows of a group are drawn together.
        resamples: How many samples.
        seed: Of the draws.

    Returns:
        Shape (resamples, columns).
    """
    random = np.random.default_rng(seed)
    _, group_of = np.unique(groups, return_inverse=True)
    count = int(group_of.max()) + 1
    sums = np.zeros((count, columns.shape[1]))
    np.add.at(sums, group_of, columns.astype(np.float64))
    parts = []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        size = min(_RESAMPLES_AT_ONCE, resamples - start)
        drawn = random.multinomial(count, np.full(count, 1.0 / count), size=size)
        parts.append(drawn.astype(np.float64) @ sums)
    return np.concatenate(parts)


def share(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    """Return a quotient; 0 where there is nothing to be divided by."""
    divisor = np.asarray(whole, float)
    quotient = np.asarray(part, float) / np.where(divisor == 0, 1.0, divisor)
    return np.where(divisor == 0, 0.0, quotient)


def figure_of(value: npt.ArrayLike, drawn: FloatArray, groups: int) -> Figure:
    """Return a share with its interval.

    Where all groups or none are right every sample is alike: the interval is Wilson's then.

    Args:
        value: Over all rows.
        drawn: Of each sample.
        groups: How many groups the share is of.
    """
    low, high = np.percentile(drawn, _TAILS)
    whole = float(np.asarray(value))
    if whole in {0.0, 1.0}:
        bounds = wilson(round(whole) * groups, groups)
        low, high = min(low, bounds.low), max(high, bounds.high)
    return Figure(rounded(whole), rounded(low), rounded(high))


def rounded(value: npt.ArrayLike) -> float:
    """Return a figure as reports have it."""
    return round(float(np.asarray(value)), 5)
