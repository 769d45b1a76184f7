"""The tokens that English calls need, and checkpoints cut to them."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from models.asr.checkpoints.checkpoint import EMBEDDING, WhisperCheckpoint
from training.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from models.asr.core.tokens import TokenTable

NUMBER = re.compile(rb" ?(?:\d{1,3}|(?:19|20)\d\d)")
SPOKEN_PIECE = re.compile(rb" [a-z]+| [A-Z][a-z]*")  # words, not code, headlines, endings
PAIR = 2  # tokens that make a longer one
WEB_TEXT_WEIGHT = 8.0  # of the order in web text beside the words of calls: names, rare words


def needed_tokens(table: TokenTable, shares: Mapping[str, float], size: int) -> list[int]:
    """Return the tokens to keep, ascending: a pure function of its arguments.

    Every byte, number and special token is kept, then what spells the words of calls most often.
    The numbers of GPT-2's tokens follow their frequency in web text, which counts as one more
    source by Zipf's law. With a token come the shorter ones that it is merged from, so that texts
    are encoded as with the whole vocabulary wherever it keeps their tokens.

    Args:
        table: The whole vocabulary.
        shares: Of words with their punctuation.
        size: How many to keep.

    Raises:
        RecipeError: The size holds not even what is always kept, or exceeds the vocabulary.
    """
    numbers = {piece: number for number, piece in enumerate(table.pieces) if piece}
    merges = _Merges(numbers)
    kept = _special(table)
    for piece, number in numbers.items():
        if len(piece) == 1 or NUMBER.fullmatch(piece):
            kept |= merges.with_parts(number)
    if not len(kept) <= size <= len(table.pieces):
        raise RecipeError(f"--tokens must be from {len(kept)} to {len(table.pieces)}, not {size}")
    for number in _most_needed(table, shares):
        if len(kept) == size:
            break
        further = merges.with_parts(number) - kept
        if len(kept) + len(further) <= size:
            kept |= further
    return sorted(kept)


def written_tokens(table: TokenTable) -> list[int]:
    """Return all tokens but those without a use, such as the times: ascending."""
    spelling = {number for number, piece in enumerate(table.pieces) if piece}
    return sorted(spelling | _special(table))


def cut_vocabulary(checkpoint: WhisperCheckpoint, kept: Sequence[int]) -> WhisperCheckpoint:
    """Return a checkpoint whose output layer writes some of its tokens only.

    Args:
        checkpoint: To cut.
        kept: Numbers of its tokens, ascending.
    """
    embedding = checkpoint.tensors[EMBEDDING][list(kept)]
    return WhisperCheckpoint(
        dims=checkpoint.dims,
        tensors={**checkpoint.tensors, EMBEDDING: embedding},
        tokens=_cut_table(checkpoint.tokens, kept),
        alignment_heads=checkpoint.alignment_heads,
        sha256=checkpoint.sha256,
    )


def _cut_table(table: TokenTable, kept: Sequence[int]) -> TokenTable:
    index = {number: new for new, number in enumerate(kept)}
    return msgspec.structs.replace(
        table,
        pieces=tuple(table.pieces[number] for number in kept),
        end_of_text=index[table.end_of_text],
        start=index[table.start],
        start_of_previous=index.get(table.start_of_previous, -1),
        no_speech=index.get(table.no_speech, -1),
        no_timestamps=index[table.no_timestamps],
        transcribe=index.get(table.transcribe, -1),
        languages={code: index[number] for code, number in table.languages.items()},
        suppressed=tuple(index[number] for number in table.suppressed if number in index),
        suppressed_first=tuple(
            index[number] for number in table.suppressed_first if number in index
        ),
    )


def _special(table: TokenTable) -> set[int]:
    named = (
        table.end_of_text,
        table.start,
        table.start_of_previous,
        table.no_speech,
        table.no_timestamps,
        table.transcribe,
    )
    return {number for number in (*named, *table.languages.values()) if number >= 0}


def _most_needed(table: TokenTable, shares: Mapping[str, float]) -> Iterator[int]:
    """Yield tokens by how often they are needed, ties by their number."""
    counts: defaultdict[int, float] = defaultdict(float)
    for word, share in shares.items():
        for token in table.encode(f" {word}"):
            counts[token] += share
    harmonic = sum(1 / rank for rank in range(1, len(table.pieces) + 1))
    for number, piece in enumerate(table.pieces):
        if SPOKEN_PIECE.fullmatch(piece):
            counts[number] += WEB_TEXT_WEIGHT / harmonic / (number + 1)
    yield from sorted(counts, key=lambda number: (-counts[number], number))


class _Merges:
    """Which shorter tokens each token is merged from.

    Source: Sennrich et al. 2016, arXiv:1508.07909; ranks are numbers as in GPT-2.
    """

    def __init__(self, numbers: Mapping[bytes, int]) -> None:
        self._numbers = numbers
        self._pieces = {number: piece for piece, number in numbers.items()}

    def with_parts(self, number: int) -> set[int]:
        """Return a token and all that it is merged from, down to bytes."""
        found: set[int] = set()
        left = [number]
        while left:
            token = left.pop()
            if token not in found:
                found.add(token)
                left += self._parts(token)
        return found

    def _parts(self, token: int) -> list[int]:
        """Return the two tokens whose merge makes this one; none for a byte."""
        piece = self._pieces[token]
        parts = [piece[at : at + 1] for at in range(len(piece))]
        while len(parts) > PAIR:
            pairs = [first + second for first, second in pairwise(parts)]
            best = min(pairs, key=lambda pair: self._numbers.get(pair, sys.maxsize))
            at = pairs.index(best)
            parts[at : at + 2] = [best]
        return [self._numbers[part] for part in parts] if len(piece) > 1 else []
