"""Words in time: dynamic time warping over the cross-attention of heads that follow the audio.

Source: openai-whisper ``timing.py``. It also normalises over the end of text, which costs it one
more pass of the decoder; the edges differ by a position now and then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.asr.core.dimensions import POSITION_MS
from schemas.transcripts import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.asr.core.tokens import TokenTable
    from models.audio.samples import FloatArray

MEDIAN_WIDTH = 7
# exchanges that leave the median of seven in the middle; Devillard 1998, "Fast median search"
_EXCHANGES = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)
PREPENDED = frozenset("\"'“¿([{-")
APPENDED = frozenset("\"'.。,，!！?？:：”)]}、")  # noqa: RUF001  full-width marks are meant


def align_tokens(scores: FloatArray, *, prompt_tokens: int) -> list[int]:
    """Return where each text token starts (ms), and at the end where the last one ends.

    Args:
        scores: Cross-attention before the softmax, shape (heads, tokens, positions): the opening
            and the text; positions within the audio only.
        prompt_tokens: Length of the opening; its last token predicts the first of the text.
    """
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mean, std = weights.mean(axis=-2, keepdims=True), weights.std(axis=-2, keepdims=True)
    normed = np.divide(weights - mean, std, out=np.zeros_like(weights), where=std > 0)
    matrix = median_filter(normed).mean(axis=0)[prompt_tokens - 1 :]
    return [int(start) * POSITION_MS for start in warp(-matrix.astype(np.float64))]


def median_filter(x: FloatArray) -> FloatArray:
    """Return the median of seven over the last axis, mirrored at its ends; of a short one itself.

    All windows are sorted at once, by minima and maxima of the array and its shifted copies.
    """
    edge = MEDIAN_WIDTH // 2
    length = x.shape[-1]
    if length <= edge:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(edge, edge)], mode="reflect")
    ranked = [padded[..., at : at + length] for at in range(MEDIAN_WIDTH)]
    for one, other in _EXCHANGES:
        ranked[one], ranked[other] = (
            np.minimum(ranked[one], ranked[other]),
            np.maximum(ranked[one], ranked[other]),
        )
    return ranked[edge]


def warp(cost: npt.NDArray[np.float64]) -> list[int]:
    """Return the column at which each row of the monotone path of least cost begins.

    A step goes to the next row, the next column or both. Each row is one pass of numpy: the best
    way to a column enters the row somewhere before it and then follows it.

    Args:
        cost: Shape (rows, columns), neither empty.
    """
    rows, columns = cost.shape
    along = np.cumsum(cost, axis=1)
    entries = np.empty((rows, columns))
    totals = np.full(columns + 1, np.inf)  # of the row above, column -1 first
    totals[0] = 0.0
    for row in range(rows):
        entries[row] = np.minimum(totals[:-1], totals[1:]) + (cost[row] - along[row])
        diagonal_is_better = np.minimum.accumulate(entries[row])
        totals = np.concatenate(([np.inf], along[row] + diagonal_is_better))
    return _entered(entries, along)


def _entered(entries: npt.NDArray[np.float64], along: npt.NDArray[np.float64]) -> list[int]:
    """Return, from the last row backwards, the column at which the best path enters each row."""
    starts = [0] * len(entries)
    column = entries.shape[1] - 1
    for row in range(len(entries) - 1, 0, -1):
        start = int(np.argmin(entries[row, : column + 1]))
        starts[row] = start
        above = along[row - 1, : start + 1] + np.minimum.accumulate(entries[row - 1, : start + 1])
        is_diagonal = start > 0 and above[start - 1] <= above[start]
        column = start - 1 if is_diagonal else start
    return starts


@dataclass(slots=True)
class _Timing:
    text: str
    start_ms: int
    end_ms: int
    confidences: list[float]


def timed_words(
    table: TokenTable,
    tokens: Sequence[int],
    probabilities: Sequence[float],
    edges_ms: Sequence[int],
    language: str,
) -> tuple[Word, ...]:
    """Return the words of a text, punctuation joined to its word.

    Args:
        table: Of the tokens.
        tokens: Text tokens.
        probabilities: Of each token; a word's confidence is their mean.
        edges_ms: Start of each token, and the end of the last.
        language: Decides how words are told apart.
    """
    timings: list[_Timing] = []
    first = 0
    for text, its_tokens in table.words(tokens, language):
        end = first + len(its_tokens)
        timing = _Timing(text, edges_ms[first], edges_ms[end], list(probabilities[first:end]))
        timings.append(timing)
        first = end
    return tuple(
        Word(
            text=timing.text.strip(),
            start_ms=timing.start_ms,
            end_ms=timing.end_ms,
            confidence=float(np.mean(timing.confidences)),
        )
        for timing in join_punctuation(timings)
        if timing.text.strip()
    )


def join_punctuation(timings: list[_Timing]) -> list[_Timing]:
    """Return the words with opening marks before them and closing marks after them.

    A mark lends its word neither time nor confidence.
    """
    joined: list[_Timing] = []
    opening = ""
    for timing in timings:
        mark = timing.text.strip()
        is_attached = bool(joined) and not timing.text.startswith(" ")
        if mark in PREPENDED and timing.text.startswith(" "):
            opening += timing.text
        elif mark and set(mark) <= APPENDED and is_attached and not opening:
            joined[-1].text += timing.text
        else:
            timing.text, opening = opening + timing.text, ""
            joined.append(timing)
    if opening:
        last = timings[-1]
        joined.append(_Timing(opening, last.start_ms, last.end_ms, last.confidences))
    return joined
