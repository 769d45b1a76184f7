"""Rows of a matrix in four bits: one scale a row, sixteen levels that all rows share.

The levels are those that lose least of normally distributed numbers. Source: Max 1960, Quantizing
for Minimum Distortion, IRE Transactions on Information Theory 6, table I.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

POSITIVE_LEVELS = (6, 18, 31, 44, 58, 75, 96, 127)
LEVELS = np.array([*(-level for level in reversed(POSITIVE_LEVELS)), *POSITIVE_LEVELS], np.int8)
CODE_BITS = 4
LOW_BITS = 15
CODED_PARTS = ("rows.before", "rows.codes", "rows.after")  # constants of a graph
_SHARES = np.linspace(
    0.4, 1.0, 13
)  # of a row's largest number: what the highest level may stand for

FloatArray = npt.NDArray[np.float32]


class RowCodes(NamedTuple):
    """Coded rows, as columns of a product's weight.

    Attributes:
        codes: Places in `LEVELS`, of the first half of the rows in the low bits, of the second half
            in the high ones; shape (inputs, rows / 2).
        scales: What the level of a row is multiplied with, shape (rows,).
    """

    codes: npt.NDArray[np.uint8]
    scales: FloatArray


def widened_columns(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Return the levels of coded rows as columns, shape (inputs, rows)."""
    return LEVELS[np.concatenate((codes & LOW_BITS, codes >> CODE_BITS), axis=1)]


def encode_rows(rows: FloatArray) -> RowCodes:
    """Return rows coded with the scales that lose least.

    Args:
        rows: Shape (rows, inputs), an even number of rows.
    """
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    least = np.full(len(rows), np.inf, np.float32)
    codes = np.zeros(rows.shape, np.uint8)
    scales = np.ones(len(rows), np.float32)
    borders = ((LEVELS[1:].astype(np.float32) + LEVELS[:-1]) / 2).astype(np.float32)
    for share in _SHARES:
        tried = np.searchsorted(borders, rows / (largest * np.float32(share / LEVELS[-1])))
        levels = LEVELS[tried].astype(np.float32)
        scale = (levels * rows).sum(axis=1) / (levels**2).sum(axis=1)
        lost = ((levels * scale[:, None] - rows) ** 2).sum(axis=1)
        is_better = lost < least
        least[is_better], scales[is_better] = lost[is_better], scale[is_better]
        codes[is_better] = tried[is_better]
    first, second = np.split(np.ascontiguousarray(codes.T), 2, axis=1)
    return RowCodes((first | second << CODE_BITS).astype(np.uint8), scales)
