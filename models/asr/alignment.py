"""Words in time: dynamic time warping over the cross-attention of heads that follow the audio.

Source: openai-whisper ``timing.py``, whose results these equal; the warping is numpy, since theirs
compiles for seconds in every process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from whisper.timing import WordTiming, median_filter, merge_punctuations

from schemas.transcripts import Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor
    from whisper.tokenizer import Tokenizer

POSITION_MS = 20  # one encoder position
MEDIAN_WIDTH = 7
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001  full-width marks are meant


def align_tokens(scores: Tensor, *, prompt_tokens: int) -> list[int]:
    """Return where each text token starts (ms), and at the end where the last one ends.

    Args:
        scores: Cross-attention before the softmax, shape (heads, tokens, positions): the start
            sequence, the text, the end of text; positions within the audio only.
        prompt_tokens: Length of the start sequence; its last token predicts the first of the
            text.
    """
    weights = scores.softmax(dim=-1)
    std, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    weights = median_filter((weights - mean) / std, MEDIAN_WIDTH)
    matrix = weights.mean(dim=0)[prompt_tokens - 1 : -1]
    text, position = warp(-matrix.nan_to_num().double().cpu().numpy())
    starts = np.diff(text, prepend=-1).astype(bool)
    edges: list[int] = (position[starts] * POSITION_MS).tolist()
    return edges


def warp(
    cost: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the monotone path of least cost through a matrix, as rows and columns.

    A step goes to the next row, the next column or both. Each row is one pass of numpy: the best
    way to a column enters the row somewhere before it and then follows it.

    Args:
        cost: Shape (rows, columns), neither empty.
    """
    rows, columns = cost.shape
    totals = np.full((rows + 1, columns + 1), np.inf)  # row and column 0 lie outside
    totals[0, 0] = 0
    for row in range(rows):
        along = np.cumsum(cost[row])
        entered = np.minimum(totals[row, :-1], totals[row, 1:]) + cost[row] - along
        totals[row + 1, 1:] = along + np.minimum.accumulate(entered)
    row, column = rows, columns
    path = [(rows, columns)]
    while (row, column) != (1, 1):
        before = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(before, key=lambda cell: totals[cell])
        path.append((row, column))
    cells = np.array(path[::-1], dtype=np.int64) - 1
    return cells[:, 0], cells[:, 1]


def timed_words(
    tokenizer: Tokenizer,
    tokens: Sequence[int],
    probabilities: Sequence[float],
    edges_ms: Sequence[int],
) -> tuple[Word, ...]:
    """Return the words of a text, punctuation joined to its word.

    Args:
        tokenizer: That wrote the tokens.
        tokens: Text tokens.
        probabilities: Of each token; a word's confidence is their mean.
        edges_ms: Start of each token, and the end of the last.
    """
    timings = []
    first = 0
    for spelling, word_tokens in zip(*tokenizer.split_to_word_tokens(list(tokens)), strict=True):
        end = first + len(word_tokens)
        confidence = float(np.mean(probabilities[first:end]))
        start_ms, end_ms = edges_ms[first], edges_ms[end]
        timings.append(WordTiming(spelling, word_tokens, start_ms, end_ms, confidence))
        first = end
    merge_punctuations(timings, PREPENDED, APPENDED)
    return tuple(
        Word(
            text=timing.word.strip(),
            start_ms=int(timing.start),
            end_ms=int(timing.end),
            confidence=timing.probability,
        )
        for timing in timings
        if timing.word.strip()
    )
