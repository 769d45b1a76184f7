"""Long calls as windows that overlap."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Window(NamedTuple):
    """A part of a call that the model reads at once.

    Attributes:
        ids: Token ids, without special ones.
        first: Index of the first passage that it has tokens of.
        last: Index of the last one.
    """

    ids: list[int]
    first: int
    last: int


def windows_of(passages: Sequence[Sequence[int]], room: int, overlap: int) -> list[Window]:
    """Return the windows of a call; none of one without tokens.

    Args:
        passages: Token ids of each, without special ones.
        room: Tokens of a window.
        overlap: Tokens that two windows share at least.
    """
    ids = [token for passage in passages for token in passage]
    if not ids:
        return []
    begins = [0, *accumulate(len(passage) for passage in passages)][:-1]
    return [
        Window(
            ids[start : start + room],
            bisect_right(begins, start) - 1,
            bisect_right(begins, min(start + room, len(ids)) - 1) - 1,
        )
        for start in window_starts(len(ids), room, overlap)
    ]


def window_starts(tokens: int, room: int, overlap: int) -> list[int]:
    """Return where the windows of a call begin: the last one ends with the call.

    Args:
        tokens: Of the call.
        room: Tokens of a window.
        overlap: Tokens that two windows share at least.
    """
    if tokens <= room:
        return [0]
    return [*range(0, tokens - room, room - overlap), tokens - room]
