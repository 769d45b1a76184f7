"""One entry to the codecs, by the encoding's name on the wire."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from models.audio.pcm import decode_pcm16, encode_pcm16
from models.audio.samples import FloatArray
from schemas.errors import AudioFormatError

DECODERS: Mapping[str, Callable[[bytes], FloatArray]] = MappingProxyType(
    {"mulaw": decode_mulaw, "alaw": decode_alaw, "pcm16": decode_pcm16}
)
ENCODERS: Mapping[str, Callable[[FloatArray], bytes]] = MappingProxyType(
    {"mulaw": encode_mulaw, "alaw": encode_alaw, "pcm16": encode_pcm16}
)


def decode_payload(encoding: str, payload: bytes) -> FloatArray:
    """Return the samples of a payload in [-1, 1), shape (n_samples,).

    Args:
        encoding: ``mulaw``, ``alaw`` or ``pcm16`` (little-endian).
        payload: Bytes of one channel; none give no samples.

    Raises:
        AudioFormatError: Unknown encoding, or half a sample at the end.
    """
    if encoding not in DECODERS:
        raise AudioFormatError(f"unknown encoding {encoding!r}; known: {', '.join(DECODERS)}")
    return DECODERS[encoding](payload)


def encode_payload(encoding: str, samples: FloatArray) -> bytes:
    """Return the payload of samples in [-1, 1); what lies outside is clipped.

    Raises:
        AudioFormatError: Unknown encoding.
    """
    if encoding not in ENCODERS:
        raise AudioFormatError(f"unknown encoding {encoding!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[encoding](samples)
