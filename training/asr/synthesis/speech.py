"""The speech of a synthesiser, with its times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from schemas.errors import CallstreamError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SynthesiserMissingError(CallstreamError):
    """A speech synthesiser, or one of its voices, is not installed."""


class Speech(msgspec.Struct, frozen=True):
    """Synthetic speech, shape (n_samples,) in [-1, 1], with the times of its words and phones.

    Phone ``i`` lasts from ``phone_starts_ms[i]`` to the next start, the last to
    ``phones_end_ms``; ``"_"`` is silence.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    word_spans_ms: tuple[tuple[int, int], ...]
    phones: tuple[str, ...]
    phone_starts_ms: tuple[int, ...]
    phones_end_ms: int


def word_starts(text: str) -> list[int]:
    """Return the character offset of every whitespace-separated word of ``text``."""
    return [match.start() for match in re.finditer(r"\S+", text)]
