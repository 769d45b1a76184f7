"""How far word times are off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from training.asr.evaluation.decoding import matched_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.asr.evaluation.decoding import Decoded


class WordTimeError(msgspec.Struct, frozen=True):
    """Errors of word starts and ends against the times of the synthesiser.

    Attributes:
        words: Right words whose times are known.
        start_ms: Median of the absolute error of their starts; ``end_ms`` of their ends.
        start_p90_ms: The 90th percentile; ``end_p90_ms`` likewise.
        bias_ms: Median of the signed error of the edges inside an utterance.
    """

    words: int
    start_ms: float
    end_ms: float
    start_p90_ms: float
    end_p90_ms: float
    bias_ms: float


def word_time_error(decoded: Sequence[Decoded]) -> WordTimeError | None:
    """Return how far word times are off; None if no times are known."""
    starts, ends, inner = [], [], []
    for one in decoded:
        if not one.spans_ms:
            continue
        heard = one.heard
        for index, said in matched_words(one):
            starts.append(heard[index].start_ms - one.spans_ms[said][0])
            ends.append(heard[index].end_ms - one.spans_ms[said][1])
            inner += [starts[-1]] if said else []
            inner += [ends[-1]] if said < len(one.words) - 1 else []
    if not inner:
        return None
    return WordTimeError(
        words=len(starts),
        start_ms=float(np.median(np.abs(starts))),
        end_ms=float(np.median(np.abs(ends))),
        start_p90_ms=float(np.quantile(np.abs(starts), 0.9)),
        end_p90_ms=float(np.quantile(np.abs(ends), 0.9)),
        bias_ms=float(np.median(inner)),
    )
