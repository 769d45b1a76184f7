"""Rows of a matrix in four or five bits: one scale a row, levels that all rows share.

The levels are those that lose least of normally distributed numbers, the highest one being 127.
Source: Max 1960, Quantizing for Minimum Distortion, IRE Transactions on Information Theory 6.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.audio.samples import FloatArray

Bits = Literal[4, 5]
ByteArray = npt.NDArray[np.uint8]

BYTE_BITS = 8
NIBBLE_BITS = 4
LOW_BITS = 15
ROWS_BEFORE, ROWS_AFTER = "rows.before", "rows.after"  # constants of a graph: rows not coded
PLANE_ROWS = 8  # whose fifth bits share a byte; the number of coded rows is a multiple
_POSITIVE: dict[Bits, Sequence[int]] = {
    4: (6, 18, 31, 44, 58, 75, 96, 127),
    5: (3, 8, 13, 18, 24, 29, 35, 41, 47, 54, 61, 70, 79, 90, 105, 127),
}
LEVELS: dict[Bits, npt.NDArray[np.int8]] = {
    bits: np.array([*(-level for level in reversed(levels)), *levels], np.int8)
    for bits, levels in _POSITIVE.items()
}
_SHARES = np.linspace(0.4, 1.0, 13)  # of a row's largest number: what the highest level stands for


class CodedRange(NamedTuple):
    """Rows to code.

    Attributes:
        rows: Neighbours, a multiple of `PLANE_ROWS`.
        bits: Of each number.
    """

    rows: range
    bits: Bits


class RowCodes(NamedTuple):
    """Coded rows, as columns of a product's weight.

    Attributes:
        nibbles: Low bits of the places in `LEVELS`, of the first half of the rows in the low half
            of a byte, of the second half in the high one; shape (inputs, rows / 2).
        plane: Their fifth bits, of each eighth of the rows in one bit of a byte, the lowest one
            first; shape (inputs, rows / 8). None for four bits.
        scales: What the level of a row is multiplied with, shape (rows,).
    """

    nibbles: ByteArray
    plane: ByteArray | None
    scales: FloatArray


def coded_names(number: int) -> tuple[str, str]:
    """Return the names of a graph's constants for the nibbles and the plane of a range."""
    return f"rows.{number}.nibbles", f"rows.{number}.plane"


def encode_rows(rows: FloatArray, bits: Bits) -> RowCodes:
    """Return rows coded with the scales that lose least.

    Args:
        rows: Shape (rows, inputs), a multiple of `PLANE_ROWS`.
        bits: Of each number.
    """
    levels_of = LEVELS[bits]
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    least = np.full(len(rows), np.inf, np.float32)
    codes = np.zeros(rows.shape, np.uint8)
    scales = np.ones(len(rows), np.float32)
    borders = ((levels_of[1:].astype(np.float32) + levels_of[:-1]) / 2).astype(np.float32)
    for share in _SHARES:
        tried = np.searchsorted(borders, rows / (largest * np.float32(share / levels_of[-1])))
        levels = levels_of[tried].astype(np.float32)
        scale = (levels * rows).sum(axis=1) / (levels**2).sum(axis=1)
        lost = ((levels * scale[:, None] - rows) ** 2).sum(axis=1)
        is_better = lost < least
        least[is_better], scales[is_better] = lost[is_better], scale[is_better]
        codes[is_better] = tried[is_better]
    columns = np.ascontiguousarray(codes.T)
    nibbles = _packed(columns & np.uint8(LOW_BITS), NIBBLE_BITS)
    plane = _packed(columns >> np.uint8(NIBBLE_BITS), 1) if bits > NIBBLE_BITS else None
    return RowCodes(nibbles, plane, scales)


def widened_columns(nibbles: ByteArray, plane: ByteArray | None) -> npt.NDArray[np.int8]:
    """Return the levels of coded rows as columns, shape (inputs, rows)."""
    codes = _unpacked(nibbles, NIBBLE_BITS)
    bits: Bits = 4 if plane is None else 5
    if plane is not None:
        codes = codes | _unpacked(plane, 1) << np.uint8(NIBBLE_BITS)
    widened: npt.NDArray[np.int8] = LEVELS[bits][codes]
    return widened


def _packed(columns: ByteArray, bits: int) -> ByteArray:
    parts = np.split(columns, BYTE_BITS // bits, axis=1)
    packed = np.zeros_like(parts[0])
    for number, part in enumerate(parts):
        packed |= part << (number * bits)
    return packed


def _unpacked(packed: ByteArray, bits: int) -> ByteArray:
    mask = np.uint8(2**bits - 1)
    return np.concatenate([(packed >> at) & mask for at in range(0, BYTE_BITS, bits)], axis=1)
