"""The warping path is monotone, complete and cheaper than any other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.asr.alignment import warp


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
    rows, columns = warp(cost)

    assert (rows[0], columns[0]) == (0, 0)
    assert (rows[-1] + 1, columns[-1] + 1) == cost.shape
    steps = np.diff(np.stack((rows, columns)))
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(axis=0) >= 1).all()
    assert cost[rows, columns].sum() == least_cost(cost)
