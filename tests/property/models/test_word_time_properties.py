"""Settled times stay within the word's own, and in order."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.asr.core.hypothesis import Word
from models.asr.decoding.word_times import TAIL_MS, settle_times

sounds = st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=8)


@given(edges=st.lists(st.integers(0, 2_000), min_size=2, max_size=8).map(sorted), parts=sounds)
def test_times_only_narrow_and_only_the_last_end_moves_on(
    edges: list[int], parts: list[tuple[int, bool]]
) -> None:
    words = tuple(
        Word(text="a", start_ms=start, end_ms=end, confidence=1.0) for start, end in pairwise(edges)
    )
    random = np.random.default_rng(1)
    blocks = [(0.1 if loud else 1e-4) * random.standard_normal(ms * 16) for ms, loud in parts]
    samples = np.concatenate([np.zeros(0), *blocks]).astype(np.float32)

    settled = settle_times(words, samples)

    for before, after in zip(words, settled, strict=True):
        assert before.start_ms <= after.start_ms <= after.end_ms
        assert after.end_ms <= before.end_ms + (TAIL_MS if before is words[-1] else 0)
    for one, following in pairwise(settled):
        assert one.end_ms <= following.start_ms
