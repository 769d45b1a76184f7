"""The level of audio in short frames, its peak, its mean, and how much of it is clipped."""

from dataclasses import dataclass

import numpy as np

from models.audio.samples import FULL_SCALE, FloatArray

FRAMES_PER_SECOND = 20
LOWEST_DBFS = -96
STEP_DB = 3
BINS = 2 - LOWEST_DBFS // STEP_DB  # the first one is for frames of one value
EDGES = np.array([10 ** ((LOWEST_DBFS + STEP_DB * n) / 10) for n in range(BINS - 1)])
CLIPPED = 0.975  # of full scale: only the largest code of mu-law and of A-law is above
FULL_SCALE_INT = int(FULL_SCALE)


@dataclass(frozen=True, slots=True)
class Levels:
    """What was measured of a stretch of audio; whole numbers, so that sums do not depend on order.

    Attributes:
        samples: How many there were.
        total: Their sum, at 16 bits.
        peak: The largest magnitude, at 16 bits.
        clipped: Samples at full scale with a neighbour there.
        frames: Frames of 50 ms by level without the mean, in steps of 3 dB.
    """

    samples: int
    total: int
    peak: int
    clipped: int
    frames: tuple[int, ...]


def measure_levels(samples: FloatArray, rate_hz: int) -> Levels:
    """Return the levels of audio in [-1, 1) of 16 bits, shape (n_samples,), at least one."""
    exact = samples.astype(np.float64)  # sums of 16-bit values and their squares are exact
    peak = max(float(exact.max()), -float(exact.min()))
    clipped = 0
    if peak >= CLIPPED:
        is_full = np.abs(exact) >= CLIPPED
        clipped = int(np.count_nonzero(is_full[1:] & is_full[:-1]))
    length = rate_hz // FRAMES_PER_SECOND
    count = len(exact) // length
    frames = exact[: count * length].reshape(count, length)
    sums = np.einsum("ij->i", frames)
    means = sums / length
    power = np.einsum("ij,ij->i", frames, frames) / length - means * means
    bins = np.bincount(np.searchsorted(EDGES, power, side="right"), minlength=BINS)
    total = float(sums.sum()) + float(exact[count * length :].sum())
    peak_16_bit, total_16_bit = round(peak * FULL_SCALE_INT), round(total * FULL_SCALE_INT)
    return Levels(len(exact), total_16_bit, peak_16_bit, clipped, tuple(bins.tolist()))
