"""The warping path is monotone, complete and cheaper than any other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.asr.decoding.alignment import warp


def least_cost(cost: np.ndarray) -> float:
    """Return the cost of the best path by the textbook recursion."""
    rows, columns = cost.shape
    totals = np.full((rows + 1, columns + 1), np.inf)
    totals[0, 0] = 0
    for row in range(rows):
        for column in range(columns):
            before = totals[row, column], totals[row, column + 1], totals[row + 1, column]
            totals[row + 1, column + 1] = cost[row, column] + min(before)
    return float(totals[rows, columns])


@given(
    cost=arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 8), st.integers(1, 12)),
        elements=st.integers(-3, 3).map(float),
    )
)
def test_the_path_is_monotone_complete_and_least(cost: np.ndarray) -> None:
    starts = warp(cost)

    assert starts[0] == 0
    assert all(step >= 0 for step in np.diff(starts))
    assert path_cost(cost, starts) == least_cost(cost)


def path_cost(cost: np.ndarray, starts: list[int]) -> float:
    """Return the least cost of a path whose rows begin at these columns.

    A row ends where the next one begins, or one column before it.
    """
    rows, columns = cost.shape
    total = 0.0
    for row, start in enumerate(starts):
        if row == rows - 1:
            return total + float(cost[row, start:].sum())
        following = starts[row + 1]
        ends = [end for end in (following - 1, following) if start <= end < columns]
        assert ends
        total += min(float(cost[row, start : end + 1].sum()) for end in ends)
    return total
