"""Conversations, the common form of all sources."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["agent", "customer", "unknown"]


class Turn(msgspec.Struct, frozen=True):
    """What one speaker says before the other does.

    Attributes:
        words: As they are written, with their punctuation.
        role: Who speaks.
        pauses_ms: The pause after each word, 0 where it is not known; empty if none is.
        is_complete: The label of the source; None where it has none.
        mixes_speakers: The source does not say where the speaker changes, so that only single
            sentences are certain to be of one speaker.
    """

    words: tuple[str, ...]
    role: Role = "unknown"
    pauses_ms: tuple[int, ...] = ()
    is_complete: bool | None = None
    mixes_speakers: bool = False


class Conversation(msgspec.Struct, frozen=True):
    """The turns of one call or chat.

    Attributes:
        name: Unique over all sources.
        turns: In their order.
        is_punctuated: A sentence without its mark at the end was interrupted.
    """

    name: str
    turns: tuple[Turn, ...]
    is_punctuated: bool = False
