"""G.711 as the telephone network applies it, for samples in [-1, 1]."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FULL_SCALE = 32768.0
_MU_BIAS, _MU_CLIP = 132, 32635


def encode_g711_mu_law(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the G.711 mu-law codes of ``samples``, same shape."""
    linear = np.clip(np.round(samples * _FULL_SCALE), -32768, 32767).astype(np.int32)
    sign = np.where(linear < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(linear), _MU_CLIP) + _MU_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, dtype=np.uint8)


@cache
def mu_law_values() -> NDArray[np.float32]:
    """Return the decoded value of every mu-law code, shape (256,)."""
    codes = ~np.arange(256) & 0xFF
    exponent, mantissa = (codes >> 4) & 7, codes & 0x0F
    magnitude = (((mantissa << 3) + _MU_BIAS) << exponent) - _MU_BIAS
    return (np.where(codes & 0x80, -magnitude, magnitude) / _FULL_SCALE).astype(np.float32)


@cache
def a_law_values() -> NDArray[np.float32]:
    """Return the decoded value of every A-law code, shape (256,)."""
    codes = np.arange(256) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 0x0F
    low = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, low, (low + 0x100) << np.maximum(exponent - 1, 0))
    return (np.where(codes & 0x80, magnitude, -magnitude) / _FULL_SCALE).astype(np.float32)


@cache
def _nearest_levels(*, a_law: bool) -> NDArray[np.float32]:
    levels = np.unique(a_law_values() if a_law else mu_law_values())
    borders = (levels[1:] + levels[:-1]) / 2
    linear = np.arange(-32768, 32768) / _FULL_SCALE
    nearest = np.take(levels, np.searchsorted(borders, linear))
    return np.asarray(nearest, dtype=np.float32)


def pass_through_g711(samples: NDArray[np.float32], *, a_law: bool = False) -> NDArray[np.float32]:
    """Return ``samples`` as the other end hears them: the codec's nearest value to each."""
    linear = np.clip(np.rint(samples * _FULL_SCALE), -32768, 32767).astype(np.int32)
    heard = np.take(_nearest_levels(a_law=a_law), linear + 32768)
    return np.asarray(heard, dtype=np.float32)
