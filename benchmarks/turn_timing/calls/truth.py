"""What is really said in a call, when turns really end, and where their speakers only paused."""

from dataclasses import dataclass

import msgspec

from benchmarks.core.reference import TrueWord
from benchmarks.turn_timing.calls.script import PauseKind
from models.audio.samples import FloatArray
from schemas.base import Party

RATE_HZ = 8_000


class TruePause(msgspec.Struct, frozen=True):
    """Silence within a turn."""

    start_ms: int
    end_ms: int
    kind: PauseKind

    @property
    def duration_ms(self) -> int:
        """How long it lasts."""
        return self.end_ms - self.start_ms


class TrueTurn(msgspec.Struct, frozen=True):
    """What a party says before it waits for the other one."""

    channel: int
    words: tuple[TrueWord, ...]
    pauses: tuple[TruePause, ...] = ()

    @property
    def start_ms(self) -> int:
        """Begin of the first word."""
        return self.words[0].start_ms

    @property
    def end_ms(self) -> int:
        """End of the last word."""
        return self.words[-1].end_ms


@dataclass(frozen=True, slots=True, eq=False)
class TimedCall:
    """A call whose turns and pauses are known.

    Attributes:
        name: Unique among all.
        parties: Of the channels.
        turns: In order of their begin.
        duration_ms: Of all of it.
        audio: Shape (n_samples, n_channels), 8 kHz; None where only the words are known.
    """

    name: str
    parties: tuple[Party, ...]
    turns: tuple[TrueTurn, ...]
    duration_ms: int
    audio: FloatArray | None = None

    def turns_of(self, channel: int) -> list[TrueTurn]:
        """Return the turns of a channel in order."""
        return sorted((t for t in self.turns if t.channel == channel), key=lambda t: t.start_ms)

    def words_of(self, channel: int) -> list[TrueWord]:
        """Return the words of a channel in order."""
        return [word for turn in self.turns_of(channel) for word in turn.words]
