"""Speech cut at its pauses."""

import numpy as np
import pytest

from models.audio.samples import FloatArray
from training.asr.adaptation.pauses import cut_at_pauses, pause_middles

_RATE_HZ = 16_000


def _talk(*spans_s: tuple[float, float], seconds: float) -> FloatArray:
    """Return noise where somebody talks, and faint noise elsewhere."""
    random = np.random.default_rng(1)
    samples = 0.0005 * random.standard_normal(int(seconds * _RATE_HZ))
    for start, end in spans_s:
        first, last = int(start * _RATE_HZ), int(end * _RATE_HZ)
        samples[first:last] += 0.2 * random.standard_normal(last - first)
    return samples.astype(np.float32)


def test_pauses_are_found_where_nobody_talks() -> None:
    """A gap of 60 ms is part of a word."""
    samples = _talk((0.5, 1.5), (2.0, 2.4), (2.46, 3.0), seconds=3.5)

    middles = [middle / _RATE_HZ for middle in pause_middles(samples)]

    assert middles == [pytest.approx(at, abs=0.05) for at in (0.25, 1.75, 3.25)]


def test_pieces_are_whole_and_of_the_lengths_asked_for() -> None:
    """Every piece begins and ends in a pause; together they are all of the speech but a rest."""
    spans = [(n * 1.5 + 0.3, n * 1.5 + 1.2) for n in range(20)]
    samples = _talk(*spans, seconds=30.0)

    lengths = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        pieces = cut_at_pauses(samples, random, min_seconds=0.6, max_seconds=12.0)
        together = np.concatenate(pieces)
        assert np.array_equal(together, samples[: len(together)])
        assert len(samples) - len(together) < 0.6 * _RATE_HZ
        for piece in pieces:
            edge = _RATE_HZ // 20
            assert np.abs(piece[:edge]).max() < 0.01
            assert np.abs(piece[-edge:]).max() < 0.01
        lengths += [len(piece) / _RATE_HZ for piece in pieces]

    assert max(lengths) <= 12.0
    assert np.mean(np.array(lengths) < 3.0) > 0.3, "a third is short"
    assert np.mean(np.array(lengths) > 6.0) > 0.1, "some are long"


def test_a_stretch_without_a_pause_that_is_too_long_is_left_out() -> None:
    """A cut in mid-word would teach to write half of it."""
    samples = _talk((0.2, 14.0), (14.5, 16.0), seconds=16.2)

    pieces = cut_at_pauses(samples, np.random.default_rng(2), min_seconds=0.6, max_seconds=12.0)

    assert [round(len(piece) / _RATE_HZ) for piece in pieces] == [2]


def test_silence_and_a_blink_have_no_pieces() -> None:
    """No speech, nothing to learn."""
    assert pause_middles(np.zeros(100, np.float32)) == []
    assert (
        cut_at_pauses(
            np.zeros(3_000, np.float32),
            np.random.default_rng(1),
            min_seconds=0.6,
            max_seconds=12.0,
        )
        == []
    )


def test_a_piece_in_which_nobody_speaks_is_left_out() -> None:
    """A recognizer that has to write its text hears "you" in it."""
    samples = _talk((0.2, 1.0), (3.0, 3.8), seconds=6.0)
    random = np.random.default_rng(3)
    samples[int(4.8 * _RATE_HZ) : int(4.9 * _RATE_HZ)] += 0.004 * random.standard_normal(1_600)

    for seed in range(10):
        pieces = cut_at_pauses(
            samples, np.random.default_rng(seed), min_seconds=0.6, max_seconds=1.5
        )
        assert all(np.abs(piece).max() > 0.1 for piece in pieces)
