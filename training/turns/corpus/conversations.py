"""What a source gives: conversations as turns of one speaker."""

from __future__ import annotations

import msgspec

from training.turns.corpus.examples import Role


class Turn(msgspec.Struct, frozen=True):
    """What one speaker says before the other does.

    Attributes:
        words: As they are written, with their punctuation.
        role: Who speaks.
        pauses_ms: The pause after each word, 0 where it is not known; empty if none is.
        is_complete: What the source itself says; None if it says nothing.
        mixes_speakers: The source does not say where the speaker changes, so that only single
            sentences are surely of one speaker.
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
        is_punctuated: A sentence without its mark at the end was broken off.
    """

    name: str
    turns: tuple[Turn, ...]
    is_punctuated: bool = False
