"""Whether one signal is a filtered, delayed copy of another, and by which filter.

An echo path is a short FIR filter behind a delay. `find_delay` finds the delay, `fit_filter` the
filter by least squares, and `residual` is what the filter does not explain.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from models.audio.samples import FloatArray

LOWEST_HZ = 200  # there is hum below
DIAGONAL_LOAD = 1e-4  # of the energy of the reference, so that the filter is defined for tones
TINY = 1e-12

ComplexArray = npt.NDArray[np.complexfloating]


@dataclass(frozen=True, slots=True)
class Delay:
    """Where two signals agree best.

    Attributes:
        samples: How much later the first one has what the second one has; negative for earlier.
        sharpness: Height of the peak over the root mean square of the correlation.
    """

    samples: int
    sharpness: float


def find_delay(first: FloatArray, second: FloatArray, rate_hz: int, longest: int) -> Delay:
    """Return the delay, of at most ``longest`` samples, at which two signals agree best.

    It is exact to two samples: the correlation is computed at half the rate, which costs half.

    Args:
        first: Shape (n_samples,), an even number.
        second: Of the same time and shape.
        rate_hz: Of both.
        longest: In samples, either way.

    Source: generalized cross-correlation, Knapp and Carter 1976, doi:10.1109/TASSP.1976.1162830,
    divided by the power of 3/4 of the magnitude: the phase transform divides by all of it, which
    finds sharper peaks in clean speech, and none in noise.
    """
    reach = longest // 2
    size = _transform_size(len(first) // 2 + reach)
    cross = _spectrum(first, size) * np.conj(_spectrum(second, size))
    magnitude = np.abs(cross)
    magnitude += TINY + 1e-3 * float(magnitude.mean())
    cross /= np.sqrt(magnitude * np.sqrt(magnitude))
    cross[: 2 * size * LOWEST_HZ // rate_hz] = 0
    correlation = np.fft.irfft(cross, size)
    near = np.concatenate((correlation[-reach:], correlation[: reach + 1]))
    best = int(np.argmax(near))
    spread = float(np.sqrt(np.mean(np.square(near)))) + TINY
    return Delay(2 * (best - reach), float(near[best]) / spread)


def fit_filter(copy: FloatArray, reference: FloatArray, taps: int) -> FloatArray:
    """Return the FIR filter that makes most of ``copy`` from ``reference``, shape (taps,).

    Args:
        copy: Shape (n_samples,).
        reference: The samples that the first tap takes, and ``taps - 1`` before them.
        taps: Length of the filter.
    """
    wanted = np.correlate(reference, copy, "valid")[::-1].astype(np.float64)
    newest = reference[taps - 1 :]
    first_row = np.correlate(reference, newest, "valid")[::-1].astype(np.float64)
    before = reference[taps - 2 :: -1].astype(np.float64)
    last = reference[:-taps:-1].astype(np.float64)
    changes = _outer_diagonals(before) - _outer_diagonals(last)
    diagonals = np.concatenate((first_row[None], first_row + np.cumsum(changes, axis=0)))
    matrix = diagonals.ravel()[_places(taps)]
    matrix.ravel()[:: taps + 1] += DIAGONAL_LOAD * first_row[0] + TINY
    return np.linalg.solve(matrix, wanted).astype(np.float32)


def residual(copy: FloatArray, reference: FloatArray, filter_taps: FloatArray) -> FloatArray:
    """Return what a filter leaves of ``copy``, shape as ``copy``; see `fit_filter`."""
    return copy - np.convolve(reference, filter_taps, "valid")


def _spectrum(samples: FloatArray, size: int) -> ComplexArray:
    return np.fft.rfft(samples[0::2] + samples[1::2], size)


def _outer_diagonals(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values[i] * values[i + k] at [i, k], 0 beyond the end, shape (n, n + 1)."""
    count = len(values)
    padded = np.concatenate((values, np.zeros(count + 1)))
    return values[:, None] * padded[_shifts(count)]


@cache
def _shifts(count: int) -> npt.NDArray[np.intp]:
    """Return i + k at [i, k], shape (count, count + 1)."""
    return np.arange(count)[:, None] + np.arange(count + 1)


@cache
def _places(size: int) -> npt.NDArray[np.intp]:
    """Return where the diagonals of a symmetric matrix have its elements, shape (size, size)."""
    rows, columns = np.indices((size, size))
    return np.asarray(np.minimum(rows, columns) * size + np.abs(rows - columns), np.intp)


@cache
def _transform_size(least: int) -> int:
    """Return a length of at least so many samples that is a product of 2, 3 and 5."""
    size = least
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1
