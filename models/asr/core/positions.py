"""The sinusoids that tell Whisper's encoder where a frame stands.

Source: openai-whisper ``model.py``, ``sinusoids``.
"""

import numpy as np
import numpy.typing as npt

MAX_TIMESCALE = 10_000


def inverse_timescales(width: int) -> npt.NDArray[np.float32]:
    """Return radians a position of each sine and cosine, shape (width / 2,)."""
    halves = width // 2
    exponents = -np.log(MAX_TIMESCALE) / (halves - 1) * np.arange(halves)
    return np.asarray(np.exp(exponents), np.float32)


def sinusoids(length: int, width: int) -> npt.NDArray[np.float32]:
    """Return the positions, shape (length, width): sines, then cosines."""
    angles = np.float32(np.arange(length)[:, None] * inverse_timescales(width))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
