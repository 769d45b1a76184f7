"""Telephone lines with G.711, for samples in [-1, 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.audio.payload import decode_payload, encode_payload

if TYPE_CHECKING:
    from models.audio.samples import FloatArray


_LINE_NOISE = 10 ** (-52 / 20)  # RMS of a line of little noise, relative to full scale


def pass_through_g711(samples: FloatArray, *, a_law: bool = False) -> FloatArray:
    """Return ``samples`` after the codec: the nearest value to each."""
    encoding = "alaw" if a_law else "mulaw"
    return decode_payload(encoding, encode_payload(encoding, samples))


def telephone_line(samples: FloatArray, *, seed: int) -> FloatArray:
    """Return 8 kHz speech after a line of little noise and G.711 mu-law."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return pass_through_g711(np.asarray(samples * 0.7 + _LINE_NOISE * noise, dtype=np.float32))
