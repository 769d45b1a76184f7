"""G.711 mu-law and A-law by table: equal to the ITU tables for all 256 codes.

Source: ITU-T Recommendation G.711 (1988), tables 1a to 2b.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from models.audio.samples import FULL_SCALE, FloatArray, to_pcm16

IntArray = npt.NDArray[np.int64]

MULAW_BIAS = 0x84  # 33 of the recommendation, at 16 bits
MULAW_CLIP = 8_159  # largest magnitude at 14 bits
ALAW_TOGGLE = 0x55  # even bits are inverted on the wire
LAST_CODE = 0x7F  # largest magnitude of either law
SEGMENTS = 8


def decode_mulaw(payload: bytes) -> FloatArray:
    """Return samples in [-1, 1), one for each byte."""
    return _mulaw_table().take(np.frombuffer(payload, dtype=np.uint8))


def decode_alaw(payload: bytes) -> FloatArray:
    """Return samples in [-1, 1), one for each byte."""
    return _alaw_table().take(np.frombuffer(payload, dtype=np.uint8))


def encode_mulaw(samples: FloatArray) -> bytes:
    """Return one mu-law byte for each sample; samples outside [-1, 1) are clipped."""
    return _mulaw_codes()[to_pcm16(samples).view(np.uint16)].tobytes()


def encode_alaw(samples: FloatArray) -> bytes:
    """Return one A-law byte for each sample; samples outside [-1, 1) are clipped."""
    return _alaw_codes()[to_pcm16(samples).view(np.uint16)].tobytes()


@cache
def _mulaw_table() -> FloatArray:
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + MULAW_BIAS) << ((code & 0x70) >> 4)
    value = np.where(code & 0x80, MULAW_BIAS - magnitude, magnitude - MULAW_BIAS)
    return _frozen(value)


@cache
def _alaw_table() -> FloatArray:
    code = np.arange(256) ^ ALAW_TOGGLE
    segment = (code & 0x70) >> 4
    mantissa = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment == 0, mantissa, (mantissa + 0x100) << np.maximum(segment - 1, 0))
    return _frozen(np.where(code & 0x80, magnitude, -magnitude))


def _frozen(values: IntArray) -> FloatArray:
    table = (values / FULL_SCALE).astype(np.float32)
    table.flags.writeable = False
    return table


@cache
def _mulaw_codes() -> npt.NDArray[np.uint8]:
    """Return the code of every PCM16 value, indexed by its 16 bits."""
    linear = _all_pcm16() >> 2
    magnitude = np.minimum(np.abs(linear), MULAW_CLIP) + (MULAW_BIAS >> 2)
    segment = _segment(magnitude, first_end=0x3F)
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    code = np.where(segment >= SEGMENTS, LAST_CODE, code)
    return (code ^ np.where(linear < 0, 0x7F, 0xFF)).astype(np.uint8)


@cache
def _alaw_codes() -> npt.NDArray[np.uint8]:
    """Return the code of every PCM16 value, indexed by its 16 bits."""
    linear = _all_pcm16() >> 3
    magnitude = np.where(linear < 0, -linear - 1, linear)
    segment = _segment(magnitude, first_end=0x1F)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    code = np.where(segment >= SEGMENTS, LAST_CODE, code)
    return (code ^ np.where(linear < 0, 0x55, 0xD5)).astype(np.uint8)


def _all_pcm16() -> IntArray:
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _segment(magnitude: IntArray, *, first_end: int) -> IntArray:
    """Return the index of the segment that holds each magnitude; 8 beyond the last."""
    ends = ((first_end + 1) << np.arange(SEGMENTS)) - 1
    return np.searchsorted(ends, magnitude)
