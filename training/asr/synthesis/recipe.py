"""The table ``[synthesis]`` of a recipe: how much speech to synthesise, and from what."""

from __future__ import annotations

import msgspec


class Synthesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much speech to synthesise, and from what.

    Attributes:
        utterances: How many.
        workers: Processes.
        flite_share: Of voices of flite; the others are espeak-ng's.
        generated_share: Of generated dictation among the sentences.
        small_talk_share: Of greetings, short answers and partings.
    """

    utterances: int
    workers: int = 2
    flite_share: float = 0.35
    generated_share: float = 0.3
    small_talk_share: float = 0.0
