"""G.711 and PCM codecs against the standard library's reference implementation."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from models.audio.payload import decode_payload, encode_payload
from models.audio.pcm import decode_pcm16, encode_pcm16
from models.audio.samples import FloatArray
from schemas.errors import AudioFormatError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # gone in Python 3.13
    import audioop

ALL_CODES = bytes(range(256))
ALL_PCM16 = np.arange(-32_768, 32_768, dtype="<i2").tobytes()


@pytest.mark.parametrize(
    ("decode", "reference"), [(decode_mulaw, audioop.ulaw2lin), (decode_alaw, audioop.alaw2lin)]
)
def test_all_256_codes_decode_as_in_the_standard(
    decode: Callable[[bytes], FloatArray], reference: Callable[[bytes, int], bytes]
) -> None:
    expected = np.frombuffer(reference(ALL_CODES, 2), dtype="<i2") / 32_768

    decoded = decode(ALL_CODES)

    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, expected.astype(np.float32))
    assert decoded.min() >= -1
    assert decoded.max() < 1


@pytest.mark.parametrize(
    ("encode", "reference"), [(encode_mulaw, audioop.lin2ulaw), (encode_alaw, audioop.lin2alaw)]
)
def test_all_pcm16_values_encode_as_in_the_standard(
    encode: Callable[[FloatArray], bytes], reference: Callable[[bytes, int], bytes]
) -> None:
    assert encode(decode_pcm16(ALL_PCM16)) == reference(ALL_PCM16, 2)


def test_pcm16_is_little_endian() -> None:
    assert decode_pcm16(b"\x00\x40\x00\x80").tolist() == [0.5, -1.0]


def test_samples_outside_the_range_are_clipped() -> None:
    loud = np.array([2.0, -2.0], dtype=np.float32)

    assert decode_pcm16(encode_pcm16(loud)).tolist() == [32_767 / 32_768, -1.0]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(AudioFormatError, match="even number of bytes"):
        decode_payload("pcm16", b"\x00\x01\x02")


@pytest.mark.parametrize("convert", [decode_payload, encode_payload])
def test_an_unknown_encoding_is_named(convert: Callable[[str, Any], object]) -> None:
    with pytest.raises(AudioFormatError, match="'opus'"):
        convert("opus", b"")


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "pcm16"])
def test_no_bytes_are_no_samples(encoding: str) -> None:
    assert decode_payload(encoding, b"").shape == (0,)
