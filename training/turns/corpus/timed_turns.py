"""Speaker turns of real calls with the times of their words, for measurements of timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from training.turns.corpus.splits import split_of
from training.turns.sources.readers import (
    AlignedCall,
    AlignedWord,
    aligned_calls,
    aligned_name,
    speaker_turns,
)
from training.turns.sources.recipe import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ALIGNED = Source(kind="earnings22_aligned", path="text/earnings22_aligned")

TimedWord = tuple[str, int, int]


class TimedTurn(msgspec.Struct, frozen=True):
    """What one speaker says before the other does, word by word.

    Attributes:
        conversation: As the examples name it.
        speaker: The recording's own name of the speaker.
        words: Text as it is written, start and end in milliseconds of the recording. A word
            without times of its own fills the gap between its neighbours, so that no pause is
            invented.
        next_start_ms: Where the next speaker begins; None at the end of the call, and where the
            recording does not know.
    """

    conversation: str
    speaker: str
    words: tuple[TimedWord, ...]
    next_start_ms: int | None


def timed_turns(data: Path, split: str) -> Iterator[TimedTurn]:
    """Yield the turns of the calls of one split.

    A turn whose first or last word has no time is left out.

    Args:
        data: Folder with ``text/earnings22_aligned``.
        split: ``train``, ``validation`` or ``test``; conversations are split as in the examples.

    Raises:
        MissingDataError: The calls are not there or have another form.
    """
    for call in aligned_calls("earnings22_aligned", ALIGNED, data):
        if split_of(aligned_name(call)) == split:
            yield from _turns(call)


def _turns(call: AlignedCall) -> Iterator[TimedTurn]:
    turns = list(speaker_turns(call))
    for turn, after in zip(turns, [*turns[1:], None], strict=True):
        words = _timed(turn)
        if words:
            start_s = after[0].start_s if after else None
            next_start_ms = None if start_s is None else _ms(start_s)
            yield TimedTurn(aligned_name(call), turn[0].speaker, words, next_start_ms)


def _timed(turn: Sequence[AlignedWord]) -> tuple[TimedWord, ...]:
    if turn[0].start_s is None or turn[-1].end_s is None:
        return ()
    words: list[TimedWord] = []
    untimed: list[str] = []
    for word in turn:
        if word.start_s is None or word.end_s is None:
            untimed.append(word.text)
            continue
        start_ms = _ms(word.start_s)
        words += _spread(untimed, words[-1][2] if words else start_ms, start_ms)
        words.append((word.text, start_ms, _ms(word.end_s)))
        untimed = []
    return tuple(words)


def _spread(texts: Sequence[str], start_ms: int, end_ms: int) -> Iterator[TimedWord]:
    width = max(0, end_ms - start_ms)
    for index, text in enumerate(texts):
        begins = start_ms + width * index // len(texts)
        yield text, begins, start_ms + width * (index + 1) // len(texts)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
