"""The training's G.711 is the telephone network's."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from training.asr.g711 import (
    a_law_values,
    encode_g711_mu_law,
    mu_law_values,
    pass_through_g711,
)


def _decoded_by_soundfile(subtype: str) -> np.ndarray:
    codes = bytes(range(256))
    raw = io.BytesIO(codes)
    values, _ = soundfile.read(
        raw, format="RAW", subtype=subtype, channels=1, samplerate=8000, dtype="float32"
    )
    return np.asarray(values)


def test_both_decoding_tables_agree_with_libsndfile() -> None:
    """All 256 codes of both laws."""
    assert np.array_equal(mu_law_values(), _decoded_by_soundfile("ULAW"))
    assert np.array_equal(a_law_values(), _decoded_by_soundfile("ALAW"))


def test_encoding_a_decoded_code_gives_a_code_of_the_same_value() -> None:
    """Every level is a fixed point (zero has two codes)."""
    values = mu_law_values()

    assert np.array_equal(values[encode_g711_mu_law(values)], values)


def test_the_line_changes_a_sample_by_its_nearest_level() -> None:
    """The round trip never moves a sample further than half a step of its segment."""
    samples = np.linspace(-0.9, 0.9, 4001).astype(np.float32)

    for a_law in (False, True):
        error = np.abs(pass_through_g711(samples, a_law=a_law) - samples)
        assert (error <= np.abs(samples) / 32 + 5e-4).all()
