"""Linear PCM, signed 16 bits, little-endian."""

import numpy as np

from models.audio.samples import FULL_SCALE, FloatArray, to_pcm16
from schemas.errors import AudioFormatError

SAMPLE_BYTES = 2


def decode_pcm16(payload: bytes) -> FloatArray:
    """Return samples in [-1, 1), one for every two bytes.

    Raises:
        AudioFormatError: An odd number of bytes.
    """
    if len(payload) % SAMPLE_BYTES:
        raise AudioFormatError(f"PCM16 needs an even number of bytes, not {len(payload)}")
    return np.frombuffer(payload, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)


def encode_pcm16(samples: FloatArray) -> bytes:
    """Return two bytes for each sample; samples outside [-1, 1) are clipped."""
    return to_pcm16(samples).astype("<i2").tobytes()
