"""The warping against openai-whisper's, and punctuation."""

import numpy as np
import pytest
from whisper import timing

from models.asr.alignment import timed_words, warp
from models.asr.checkpoint import official_table


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 1), (5, 5), (12, 70), (40, 25)])
def test_the_path_is_that_of_whisper(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "backtrace", timing.backtrace.py_func)
    cost = np.random.default_rng(7).standard_normal(shape)

    rows, columns = timing.dtw_cpu.py_func(cost)
    begins = np.diff(rows, prepend=-1).astype(bool)
    assert warp(cost) == columns[begins].tolist()


def test_punctuation_belongs_to_its_word() -> None:
    table = official_table(51_864, list(range(51_864)))
    tokens = table.encode(' Hello, "Ms Okonkwo"!')
    edges_ms = list(range(0, 100 * len(tokens) + 1, 100))

    words = timed_words(table, tokens, [0.5] * len(tokens), edges_ms, "en")

    assert [word.text for word in words] == ["Hello,", '"Ms', 'Okonkwo"!']
    assert words[0].start_ms == 0
    assert words[-1].end_ms <= edges_ms[-1]
    assert words[0].confidence == 0.5
