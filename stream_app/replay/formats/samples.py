"""Samples as the payloads of channels."""

import numpy as np
from numpy.typing import NDArray


def to_pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples in [-1, 1] as 16-bit integers; louder ones clip, NaN is 0."""
    within = np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)
    scaled: NDArray[np.int16] = np.minimum(np.rint(within * 32_768.0), 32_767).astype(np.int16)
    return scaled


def payloads_of(samples: NDArray[np.int16]) -> tuple[bytes, ...]:
    """Return the payload of each channel of samples, shape (frames, channels); () for none."""
    if len(samples) == 0:
        return ()
    return tuple(channel.astype("<i2").tobytes() for channel in samples.T)
