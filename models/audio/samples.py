"""Array types and the sample rate that every model of the live path works at."""

import numpy as np
import numpy.typing as npt

from schemas.errors import AudioFormatError

FloatArray = npt.NDArray[np.float32]

SAMPLE_RATE_HZ = 16_000
FULL_SCALE = 32_768.0  # one step above the largest PCM16 value, so that floats lie in [-1, 1)


def as_samples(samples: npt.ArrayLike) -> FloatArray:
    """Return mono audio as a contiguous float32 array, shape (n_samples,).

    Raises:
        AudioFormatError: ``samples`` is not one-dimensional.
    """
    array = np.ascontiguousarray(samples, dtype=np.float32)
    if np.ndim(samples) != 1:
        raise AudioFormatError(f"mono audio has one dimension, not {np.ndim(samples)}")
    return array


def no_samples() -> FloatArray:
    """Return audio of no length."""
    return np.empty(0, np.float32)


def halved(samples: FloatArray) -> FloatArray:
    """Return audio at half of its rate: the mean of each two samples, an odd last one left out.

    Args:
        samples: Mono, shape (n_samples,).
    """
    even = len(samples) // 2 * 2
    return np.asarray((samples[:even:2] + samples[1:even:2]) / 2, dtype=np.float32)


def to_pcm16(samples: FloatArray) -> npt.NDArray[np.int16]:
    """Return the nearest PCM16 values of samples in [-1, 1), clipped to the range."""
    scaled = np.rint(as_samples(samples).astype(np.float64) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
