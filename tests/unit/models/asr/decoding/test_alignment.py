"""The warping against openai-whisper's, and punctuation."""

import itertools
import unicodedata

import numpy as np
import pytest
from whisper import timing

from models.asr.checkpoints.openai import official_vocabulary
from models.asr.core.vocabulary import table_of
from models.asr.decoding.alignment import MEDIAN_WIDTH, median_filter, timed_words, warp


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (30, 1), (5, 5), (12, 70), (40, 25)])
def test_the_path_is_that_of_whisper(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "backtrace", timing.backtrace.py_func)
    cost = np.random.default_rng(7).standard_normal(shape)

    rows, columns = timing.dtw_cpu.py_func(cost)
    begins = np.diff(rows, prepend=-1).astype(bool)
    assert warp(cost) == columns[begins].tolist()


@pytest.mark.parametrize("positions", [1, 3, 4, 5, 7, 8, 250])
def test_the_median_is_that_of_sorted_windows(positions: int) -> None:
    x = np.random.default_rng(7).standard_normal((3, 5, positions), dtype=np.float32)

    filtered = median_filter(x)

    edge = MEDIAN_WIDTH // 2
    if positions <= edge:
        assert np.array_equal(filtered, x)
        return
    padded = np.pad(x, ((0, 0), (0, 0), (edge, edge)), mode="reflect")
    windows = np.stack([padded[..., at : at + MEDIAN_WIDTH] for at in range(positions)], axis=-2)
    assert np.array_equal(filtered, np.sort(windows, axis=-1)[..., edge])


def test_punctuation_belongs_to_its_word() -> None:
    table = table_of(official_vocabulary(51_864), range(51_864))
    tokens = table.encode(' Hello, "Ms Okonkwo"!')
    edges_ms = list(range(0, 100 * len(tokens) + 1, 100))

    words = timed_words(table, tokens, [0.5] * len(tokens), edges_ms, "en")

    assert [word.text for word in words] == ["Hello,", '"Ms', 'Okonkwo"!']
    assert words[0].start_ms == 0
    assert words[-1].end_ms <= edges_ms[-1]
    assert words[0].confidence == 0.5


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("th", "สวัสดีครับ ผมชื่อปีเตอร์"),
        ("lo", "ສະບາຍດີ ຂ້ອຍຊື່"),
        ("my", "မင်္ဂလာပါ ကျွန်တော့်နာမည်"),
    ],
)
def test_marks_stay_with_the_character_that_they_are_written_on(language: str, text: str) -> None:
    table = table_of(official_vocabulary(51_865), range(51_865))
    tokens = table.encode(text)
    edges_ms = list(range(0, 100 * len(tokens) + 1, 100))

    words = timed_words(table, tokens, [0.5] * len(tokens), edges_ms, language)

    assert "".join(word.text for word in words) == text.replace(" ", "")
    assert not any(unicodedata.category(word.text[0]).startswith("M") for word in words)
    assert words[-1].end_ms == edges_ms[-1]
    assert all(one.end_ms <= other.start_ms for one, other in itertools.pairwise(words))
