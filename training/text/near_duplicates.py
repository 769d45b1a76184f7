"""Near duplicates of texts, by MinHash.

Source: Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SHINGLE_LETTERS = 5
_BANDS = 12
_ROWS = 4  # at a similarity of 0.8 one band in 12 agrees in 99.8 % of the cases
_PRIME = np.uint64(4_294_967_291)  # the largest below 2**32
_SEED = 20_817
_MAX_COMPARED = 50  # with one text: a bound for phrases that occur everywhere


def most_similar(texts: Sequence[str], others: Sequence[str]) -> list[float]:
    """Return for each text the Jaccard similarity to the most similar of ``others``.

    Similarities are found where they are high, above 0.8 nearly always; a lower one may come back
    as 0.
    """
    multipliers = np.random.default_rng(_SEED).integers(
        1, int(_PRIME), size=(_BANDS * _ROWS, 2), dtype=np.uint64
    )
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for index, other in enumerate(others):
        for bucket in _bands(other, multipliers):
            buckets[bucket].append(index)
    found = []
    for text in texts:
        near = {index for bucket in _bands(text, multipliers) for index in buckets.get(bucket, ())}
        compared = sorted(near)[:_MAX_COMPARED]
        found.append(max((_similarity(text, others[index]) for index in compared), default=0.0))
    return found


def _bands(text: str, multipliers: NDArray[np.uint64]) -> list[tuple[int, bytes]]:
    hashes = np.array([zlib.crc32(part.encode()) for part in shingles(text)], np.uint64)
    mixed = (hashes[:, None] % _PRIME * multipliers[:, 0] + multipliers[:, 1]) % _PRIME
    signature = mixed.min(axis=0).astype(np.uint32).reshape(_BANDS, _ROWS)
    return [(band, row.tobytes()) for band, row in enumerate(signature)]


def shingles(text: str) -> set[str]:
    """Return the runs of five characters of a text; a shorter text is one of its own."""
    last = max(1, len(text) - SHINGLE_LETTERS + 1)
    return {text[start : start + SHINGLE_LETTERS] for start in range(last)}


def _similarity(first: str, second: str) -> float:
    one, other = shingles(first), shingles(second)
    return len(one & other) / len(one | other)
