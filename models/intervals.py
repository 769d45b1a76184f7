"""Intervals of measured shares."""

from __future__ import annotations

from math import sqrt

import msgspec

_Z95 = 1.959964  # two-sided 95 % of the normal distribution


class Interval(msgspec.Struct, frozen=True):
    """Bounds that hold the true share in 95 of 100 cases."""

    low: float
    high: float


def wilson(right: int, examples: int) -> Interval:
    """Return the bounds of a share.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not examples:
        return Interval(0.0, 1.0)
    share, square = right / examples, _Z95**2
    middle = (share + square / (2 * examples)) / (1 + square / examples)
    spread = sqrt(share * (1 - share) / examples + square / (4 * examples**2))
    half = _Z95 * spread / (1 + square / examples)
    return Interval(round(max(0.0, middle - half), 5), round(min(1.0, middle + half), 5))
