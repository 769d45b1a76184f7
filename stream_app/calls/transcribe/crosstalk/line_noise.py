"""The noise of a line, passed on in place of an echo.

Behind digital silence, voice activity detection takes the noise of the line for speech, for
seconds. So what replaces an echo is about as loud as the noise around it.
"""

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from models.audio.samples import FloatArray

PERIOD = 16_381  # compared samples, 2 s; no multiple of a block


def line_noise(start: int, end: int, *, energy: float, factor: int) -> FloatArray:
    """Return noise for positions [start, end), shape (end - start,): always the same for each.

    Args:
        start: Position of the first sample.
        end: Position after the last one, 2 s later at most.
        energy: Mean square of the noise.
        factor: How many samples are compared as one; these are equal.
    """
    first = start // factor
    place, count = first % PERIOD, -(-end // factor) - first
    noise = _two_periods()[place : place + count] * np.float32(math.sqrt(energy))
    if factor > 1:
        noise = np.repeat(noise, factor)[start - first * factor :][: end - start]
    return noise


@cache
def _two_periods() -> FloatArray:
    """Return uniform noise of energy 1, shape (2 * PERIOD,): integers that are mixed."""
    mixed: npt.NDArray[np.uint32] = np.arange(1, PERIOD + 1, dtype=np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    mixed ^= mixed >> np.uint32(16)
    unit = mixed.astype(np.float64) / 2**31 - 1
    return np.tile((unit * math.sqrt(3)).astype(np.float32), 2)
