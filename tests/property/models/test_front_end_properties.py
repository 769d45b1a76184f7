"""The front end is a pure function of the history and of the samples since the origin."""

from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.audio.resample import SOURCE_RATES_HZ
from models.vad import ChannelFrontEnd, Detectors, Frame
from tests.support.examples import examples
from tests.support.models.synthetic_audio import babble, noise


@cache
def detectors() -> Detectors:
    return Detectors()


def speech(milliseconds: int, rate_hz: int, seed: int) -> np.ndarray:
    voiced = babble(milliseconds, seed=seed, rate_hz=rate_hz)
    return voiced + noise(milliseconds, level=0.01, seed=seed, rate_hz=rate_hz)


def run(front_end: ChannelFrontEnd, chunks: list[np.ndarray]) -> list[Frame]:
    frames = [frame for chunk in chunks for frame in front_end.insert(chunk)]
    return frames + front_end.flush()


def content(frames: list[Frame]) -> list[tuple[int, bytes, float]]:
    return [(f.index, f.samples.tobytes(), f.probability) for f in frames]


@examples(40)
@given(
    rate_hz=st.sampled_from(SOURCE_RATES_HZ),
    seed=st.integers(0, 1_000),
    history_ms=st.integers(0, 800),
    since_ms=st.integers(0, 800),
    heard_before_ms=st.integers(0, 200),
    cuts=st.lists(st.floats(0, 1), max_size=25),
)
def test_chunking_and_the_past_do_not_matter(
    rate_hz: int,
    seed: int,
    history_ms: int,
    since_ms: int,
    heard_before_ms: int,
    cuts: list[float],
) -> None:
    audio = speech(history_ms + since_ms, rate_hz, seed)
    history, since = np.split(audio, [history_ms * rate_hz // 1_000])
    fresh = detectors().front_end(rate_hz)
    used = detectors().front_end(rate_hz)
    used.insert(noise(heard_before_ms, rate_hz=rate_hz))
    fresh.rebuild(history)
    used.rebuild(history)

    whole = run(fresh, [since])
    pieces = run(used, np.split(since, sorted(int(cut * len(since)) for cut in cuts)))

    assert content(whole) == content(pieces)
    assert np.array_equal(fresh.pre_roll, used.pre_roll)
