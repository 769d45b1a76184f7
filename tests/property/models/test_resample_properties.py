"""Any chunking of the same input gives bit-identical output."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.audio.resample import SOURCE_RATES_HZ, StreamResampler
from tests.support.examples import examples


def cut(samples: np.ndarray, cuts: list[float]) -> list[np.ndarray]:
    return np.split(samples, sorted(int(cut * len(samples)) for cut in cuts))


def resampled(rate_hz: int, chunks: list[np.ndarray]) -> np.ndarray:
    resampler = StreamResampler(rate_hz)
    return np.concatenate([*map(resampler.insert, chunks), resampler.flush()])


@examples(150)
@given(
    rate_hz=st.sampled_from(SOURCE_RATES_HZ),
    seed=st.integers(0, 2**32 - 1),
    milliseconds=st.integers(0, 700),
    odd_samples=st.integers(0, 20),
    cuts=st.lists(st.floats(0, 1), max_size=40),
)
def test_the_cut_of_the_input_does_not_matter(
    rate_hz: int, seed: int, milliseconds: int, odd_samples: int, cuts: list[float]
) -> None:
    length = rate_hz * milliseconds // 1_000 + odd_samples
    samples = np.random.default_rng(seed).standard_normal(length).astype(np.float32)

    whole = resampled(rate_hz, [samples])
    pieces = resampled(rate_hz, cut(samples, cuts))

    assert np.array_equal(whole, pieces)
    assert abs(len(whole) - length * 16_000 / rate_hz) <= 1


def test_single_samples_are_chunks_too() -> None:
    samples = np.random.default_rng(5).standard_normal(3_000).astype(np.float32)

    one_by_one = resampled(11_025, [samples[n : n + 1] for n in range(len(samples))])

    assert np.array_equal(one_by_one, resampled(11_025, [samples]))
