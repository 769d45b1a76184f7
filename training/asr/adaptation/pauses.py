"""Speech cut into pieces at its pauses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.audio.samples import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from models.audio.samples import FloatArray

_FRAME_SAMPLES = SAMPLE_RATE_HZ // 100
_SMOOTHED_FRAMES = 5
_MIN_PAUSE_FRAMES = 15
_ABOVE_FLOOR_DB = 10.0
_BELOW_PEAK_DB = 35.0
_AT_LEAST_BELOW_PEAK_DB = 25.0  # where there is hardly a pause, the floor is speech


def pause_middles(samples: FloatArray) -> list[int]:
    """Return the middles of the pauses of 150 ms and more, as sample indices in order.

    Args:
        samples: Mono at 16 kHz, shape (n_samples,).
    """
    frames = len(samples) // _FRAME_SAMPLES
    if frames < _SMOOTHED_FRAMES:
        return []
    blocks = samples[: frames * _FRAME_SAMPLES].reshape(frames, _FRAME_SAMPLES)
    power = np.square(blocks).mean(axis=1) + 1e-10
    smooth = np.convolve(power, np.ones(_SMOOTHED_FRAMES) / _SMOOTHED_FRAMES, mode="same")
    level_db = 10 * np.log10(smooth)
    peak_db = level_db.max()
    limit_db = max(np.percentile(level_db, 10) + _ABOVE_FLOOR_DB, peak_db - _BELOW_PEAK_DB)
    limit_db = min(limit_db, peak_db - _AT_LEAST_BELOW_PEAK_DB)
    is_quiet = np.concatenate([[False], level_db < limit_db, [False]])
    edges = np.flatnonzero(np.diff(is_quiet.astype(np.int8)))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [
        int(start + end) // 2 * _FRAME_SAMPLES
        for start, end in pairs
        if end - start >= _MIN_PAUSE_FRAMES
    ]


def cut_at_pauses(
    samples: FloatArray, random: np.random.Generator, *, min_seconds: float, max_seconds: float
) -> list[FloatArray]:
    """Return the pieces of speech between pauses, whose lengths are about log-uniform.

    Stretches without a pause that are longer than ``max_seconds`` are left out, and so are pieces
    shorter than ``min_seconds`` and those in which nobody speaks: a recognizer that is to write
    their text hears "you" or "Thank you." in them.
    """
    edges = [0, *pause_middles(samples), len(samples)]
    shortest, longest = (round(s * SAMPLE_RATE_HZ) for s in (min_seconds, max_seconds))
    least_peak = float(np.abs(samples).max(initial=0)) * 10 ** (-_AT_LEAST_BELOW_PEAK_DB / 20)
    pieces = []
    first = 0
    while first < len(edges) - 1:
        wanted = np.exp(random.uniform(np.log(shortest), np.log(longest)))
        last = first + 1
        while last < len(edges) - 1 and edges[last] - edges[first] < wanted:
            last += 1
        if last > first + 1 and edges[last] - edges[first] > longest:
            last -= 1
        piece = samples[edges[first] : edges[last]]
        if shortest <= len(piece) <= longest and np.abs(piece).max() > least_peak:
            pieces.append(piece)
        first = last
    return pieces
