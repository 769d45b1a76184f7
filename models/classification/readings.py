"""The ways in which a call is read: whose turns, in windows of which length, for which tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.classification.windows import Window, windows_of
from schemas.base import Party

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHORTEST, LONGEST = 16, 512  # that the windows of a model may be


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way in which a call is read.

    Attributes:
        max_tokens: Longest window, special tokens included.
        overlap_tokens: That two windows share at least.
        skips: Parties whose turns are left out, of those that the label set classifies.
        weight: Of its logits; the reading that every call has weighs 1.
        tasks: That it counts for; all where none is named.
        min_call_tokens: A call with fewer is not read in this way; all its turns count.
        max_call_tokens: Likewise of a call with more; 0 for no limit.
    """

    max_tokens: int
    overlap_tokens: int
    skips: tuple[Party, ...] = ()
    weight: float = 1.0
    tasks: tuple[str, ...] = ()
    min_call_tokens: int = 0
    max_call_tokens: int = 0

    def is_for(self, tokens: int) -> bool:
        """Return whether a call of so many tokens is read in this way."""
        return self.min_call_tokens <= tokens <= (self.max_call_tokens or tokens)

    def counts_for(self, task: str) -> bool:
        """Return whether a task is answered by it, among others."""
        return not self.tasks or task in self.tasks


class TokenizedCall(NamedTuple):
    """What is classified of a call, as token ids without special ones.

    Attributes:
        passages: Those of each turn that is classified.
        parties: Who says each.
    """

    passages: Sequence[Sequence[int]]
    parties: Sequence[Party]


class ReadWindows(NamedTuple):
    """A reading with the windows of a call by it."""

    reading: Reading
    windows: list[Window]


def read_windows(
    call: TokenizedCall, readings: Sequence[Reading], special: int
) -> list[ReadWindows]:
    """Return the windows of a call by each reading; none of a call without tokens.

    A further reading is left out of a call that is too short or too long for it, in which it has
    nothing to read, or of which it has the same windows as a reading before it that counts for its
    tasks.

    Args:
        call: To read.
        readings: The one that every call has, then further ones.
        special: Special tokens of a window.
    """
    tokens = sum(len(passage) for passage in call.passages)
    if not tokens:
        return []
    first, *further = readings
    found = [ReadWindows(first, _windows(call, first, special))]
    for reading in further:
        if not reading.is_for(tokens):
            continue
        windows = _windows(call, reading, special)
        if windows and not any(_covers(before, reading, windows) for before in found):
            found.append(ReadWindows(reading, windows))
    return found


def _windows(call: TokenizedCall, reading: Reading, special: int) -> list[Window]:
    passages = [
        () if party in reading.skips else passage
        for passage, party in zip(call.passages, call.parties, strict=True)
    ]
    return windows_of(passages, reading.max_tokens - special, reading.overlap_tokens)


def _covers(before: ReadWindows, reading: Reading, windows: Sequence[Window]) -> bool:
    """Return whether a reading says nothing that one before it does not."""
    own = before.reading.tasks
    is_counted = not own or (bool(reading.tasks) and set(reading.tasks) <= set(own))
    return is_counted and [one.ids for one in before.windows] == [one.ids for one in windows]


def wrong_readings(
    further: Sequence[Reading], tasks: Mapping[str, Sequence[str]], max_tokens: int
) -> list[str]:
    """Return what is wrong with further readings.

    Args:
        further: Beside the reading that every call has.
        tasks: Of the label set, by name.
        max_tokens: Longest window of the model.
    """
    return [
        complaint
        for number, reading in enumerate(further, 1)
        for is_wrong, complaint in _complaints(reading, tasks, max_tokens, number)
        if is_wrong
    ]


def _complaints(
    reading: Reading, tasks: Mapping[str, Sequence[str]], max_tokens: int, number: int
) -> list[tuple[bool, str]]:
    name = f"reading {number}"
    strange = sorted(set(reading.tasks) - set(tasks))
    return [
        (
            not SHORTEST <= reading.max_tokens <= max_tokens,
            f"{name}: max_tokens lies between {SHORTEST} and the model's {max_tokens}",
        ),
        (
            not 0 <= reading.overlap_tokens < reading.max_tokens // 2,
            f"{name}: overlap_tokens is less than half of max_tokens",
        ),
        (not 0 < reading.weight < float("inf"), f"{name}: weight is over 0"),
        (
            reading.min_call_tokens < 0 or not reading.is_for(reading.min_call_tokens),
            f"{name}: min_call_tokens is 0 or more, and at most max_call_tokens unless that is 0",
        ),
        (bool(strange), f"{name}: the label set has no task {', '.join(map(repr, strange))}"),
    ]
