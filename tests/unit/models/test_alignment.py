"""The warping against openai-whisper's, and punctuation."""

import numpy as np
import pytest
from whisper import timing

from models.asr.alignment import timed_words, warp
from models.asr.whisper_engine import _loaded_tokenizer


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 1), (5, 5), (12, 70), (40, 25)])
def test_the_path_is_that_of_whisper(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "backtrace", timing.backtrace.py_func)
    cost = np.random.default_rng(7).standard_normal(shape)

    rows, columns = warp(cost)

    expected = timing.dtw_cpu.py_func(cost)
    assert np.array_equal(rows, expected[0])
    assert np.array_equal(columns, expected[1])


def test_punctuation_belongs_to_its_word() -> None:
    tokenizer = _loaded_tokenizer("en", False, 99)
    tokens = tokenizer.encode(' Hello, "Ms Okonkwo"!')
    edges_ms = list(range(0, 100 * len(tokens) + 1, 100))

    words = timed_words(tokenizer, tokens, [0.5] * len(tokens), edges_ms)

    assert [word.text for word in words] == ["Hello,", '"Ms', 'Okonkwo"!']
    assert words[0].start_ms == 0
    assert words[-1].end_ms <= edges_ms[-1]
    assert words[0].confidence == 0.5
