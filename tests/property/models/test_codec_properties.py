"""What holds for every payload."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.audio.payload import decode_payload, encode_payload


@pytest.mark.parametrize("encoding", ["mulaw", "alaw", "pcm16"])
@given(payload=st.binary(max_size=400).filter(lambda payload: len(payload) % 2 == 0))
def test_decoded_audio_survives_another_round_trip(encoding: str, payload: bytes) -> None:
    samples = decode_payload(encoding, payload)

    again = decode_payload(encoding, encode_payload(encoding, samples))

    assert np.array_equal(samples, again)
    assert np.all(np.abs(samples) <= 1)
