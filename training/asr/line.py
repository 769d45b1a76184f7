"""Telephone lines as G.711 leaves them, for samples in [-1, 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.audio.payload import decode_payload, encode_payload

if TYPE_CHECKING:
    from models.audio.samples import FloatArray


def pass_through_g711(samples: FloatArray, *, a_law: bool = False) -> FloatArray:
    """Return ``samples`` as the other end hears them: the codec's nearest value to each."""
    encoding = "alaw" if a_law else "mulaw"
    return decode_payload(encoding, encode_payload(encoding, samples))
