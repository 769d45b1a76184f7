"""Figures of repeated measurements: medians, percentiles of raw samples, confidence intervals."""

import math
from collections.abc import Callable, Sequence
from statistics import median

import msgspec
import numpy as np

from stream_app.live.percentile import percentile

PERCENTS = (50, 95, 99)
BOOTSTRAPS = 1_000
Indices = np.ndarray[tuple[int], np.dtype[np.intp]]


class Spread(msgspec.Struct, frozen=True):
    """The median of some rounds, the least and the greatest of them."""

    median: float
    low: float
    high: float
    rounds: int


def spread_of(values: Sequence[float]) -> Spread:
    """Return median and range; nan of no values."""
    if not values:
        return Spread(math.nan, math.nan, math.nan, 0)
    return Spread(median(values), min(values), max(values), len(values))


def percentiles(values: Sequence[float], digits: int = 1) -> dict[str, float | int | None]:
    """Return count, p50, p95, p99 and the greatest of raw samples; None where there are none."""
    figures: dict[str, float | int | None] = {"count": len(values)}
    for percent in PERCENTS:
        figures[f"p{percent}"] = round(percentile(values, percent), digits) if values else None
    figures["max"] = round(max(values), digits) if values else None
    return figures


def bootstrap_interval(items: int, statistic: Callable[[Indices], float]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic under resampling of its items.

    Args:
        items: How many there are.
        statistic: Of the items with these indices, shape (items,), some of them repeated.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR".
    """
    return grouped_bootstrap_interval([items], lambda drawn: statistic(drawn[0]))


def grouped_bootstrap_interval(
    items: Sequence[int], statistic: Callable[[Sequence[Indices]], float]
) -> tuple[float, float]:
    """Return the 95 % interval of a statistic of several groups, each resampled for itself.

    Args:
        items: How many there are in each group.
        statistic: Of the items with these indices, for each group, some of them repeated.
    """
    if not items or not all(items):
        return math.nan, math.nan
    random = np.random.default_rng(0)
    drawn = [
        statistic([random.integers(0, count, count) for count in items]) for _ in range(BOOTSTRAPS)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
