"""Overlaps of two parties, and which of them are interruptions.

The audio clock and the finals alone decide. The party whose turn began later interrupts. The time
in which both speak is added up over the two turns. An overlap is an interruption once it is long
enough, both turns have words, and the interrupter's words or the length of its speech rule out a
backchannel. A remark of a few words is one only if the other party falls silent to it.
"""

from collections.abc import Iterable

import msgspec

from stream_app.calls.detect_turns.backchannels import Weight
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turn_state import NEVER_MS, ChannelTurns, OpenTurn


class Overlap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A turn that began while another one's speech was under way.

    Attributes:
        channel: Of the interrupter, in the turn that began at ``turn_start_ms``.
        other: Channel of the one who was speaking, in the turn that began at ``other_start_ms``.
        at_ms: Start of the overlap.
        captured_at_ns: Wall clock (Unix, ns) at which that was captured.
        both_since_ms: Both have been speaking since then; -1 while one is silent.
        overlap_ms: Time in which both spoke, up to ``both_since_ms``.
        is_yielded: The other one stopped first and has not spoken again in its turn.
        is_taken: The interrupter has words, and they claim the turn.
        is_remark: It has words, and they take the turn if the other one yields.
        is_other_real: The other one's turn has words.
        is_decided: The interruption was emitted.
        is_over: One of the turns has ended.
    """

    channel: int
    turn_start_ms: int
    other: int
    other_start_ms: int
    at_ms: int
    captured_at_ns: int
    both_since_ms: int = NEVER_MS
    overlap_ms: int = 0
    is_yielded: bool = False
    is_taken: bool = False
    is_other_real: bool = False
    is_decided: bool = False
    is_over: bool = False
    is_remark: bool = False

    @property
    def interrupter(self) -> tuple[int, int]:
        """Return channel and start of the turn that interrupts."""
        return self.channel, self.turn_start_ms

    @property
    def interrupted(self) -> tuple[int, int]:
        """Return channel and start of the turn that is interrupted."""
        return self.other, self.other_start_ms

    @property
    def has_effect(self) -> bool:
        """Return whether the interrupter has the turn, or gets it if the overlap is long enough."""
        return self.is_taken or (self.is_remark and self.is_yielded)

    def duration_ms(self, at_ms: int) -> int:
        """Return the time in which both spoke up to ``at_ms``."""
        going_on = max(0, at_ms - self.both_since_ms) if self.both_since_ms != NEVER_MS else 0
        return self.overlap_ms + going_on

    def pause(self, end_ms: int) -> None:
        """Take in that one of the two fell silent at ``end_ms``."""
        self.overlap_ms = self.duration_ms(end_ms)
        self.both_since_ms = NEVER_MS


class OverlapTracker:
    """Follows the overlaps of a call.

    Args:
        config: What counts as an interruption.
        overlaps: That are open; part of the call's state, changed in place.
    """

    def __init__(self, config: TurnConfig, overlaps: list[Overlap]) -> None:
        self._config = config
        self._overlaps = overlaps

    def begin_speech(
        self,
        speaker: ChannelTurns,
        turn: OpenTurn,
        others: Iterable[ChannelTurns],
        captured_at_ns: int,
    ) -> None:
        """Take in that ``speaker`` has begun to speak in its open ``turn``."""
        for overlap in self._of(speaker, turn):
            overlap.is_yielded &= overlap.other != speaker.channel
        for other in others:
            other_turn = other.speaking
            if other is speaker or other_turn is None:
                continue
            is_later = turn.start_ms > other_turn.start_ms
            heard_ms = turn.speaking_since_ms - other_turn.speaking_since_ms
            turns = {(speaker.channel, turn.start_ms), (other.channel, other_turn.start_ms)}
            known = [o for o in self._overlaps if {o.interrupter, o.interrupted} == turns]
            if not known and is_later and heard_ms >= self._config.established_ms:
                known = [_overlap(speaker, turn, other, other_turn, captured_at_ns)]
                self._overlaps.extend(known)
            for overlap in known:
                overlap.both_since_ms = turn.speaking_since_ms
                overlap.is_yielded = False

    def end_speech(self, speaker: ChannelTurns, turn: OpenTurn) -> None:
        """Take in that the speech of ``turn`` has ended."""
        for overlap in self._of(speaker, turn):
            if overlap.both_since_ms != NEVER_MS:
                overlap.pause(turn.end_ms)
                overlap.is_yielded = overlap.other == speaker.channel

    def confirm(self, speaker: ChannelTurns, turn: OpenTurn, weight: Weight) -> None:
        """Take in that ``turn`` has words, and their weight."""
        for overlap in self._of(speaker, turn):
            if overlap.channel == speaker.channel:
                overlap.is_taken |= weight == "claim"
                overlap.is_remark = weight == "remark"
            else:
                overlap.is_other_real = True

    def end_turn(self, speaker: ChannelTurns, turn: OpenTurn) -> None:
        """Take in that ``turn`` is over; `confirm` has been called before."""
        for overlap in self._of(speaker, turn):
            overlap.is_over = True
            if overlap.channel == speaker.channel and not overlap.has_effect:
                self._overlaps.remove(overlap)

    def forget(self, speaker: ChannelTurns, turn: OpenTurn) -> None:
        """Take in that ``turn`` was noise."""
        for overlap in self._of(speaker, turn):
            self._overlaps.remove(overlap)

    def is_interrupted(self, speaker: ChannelTurns, turn: OpenTurn) -> bool:
        """Return whether ``turn`` yielded to a party whose interruption was emitted."""
        return any(
            overlap.is_decided and overlap.is_yielded
            for overlap in self._of(speaker, turn)
            if overlap.other == speaker.channel
        )

    def is_due(self, at_ms: int) -> bool:
        """Return whether `decide` would return something."""
        return any(self._counts(overlap, at_ms) for overlap in self._overlaps)

    def decide(self, at_ms: int) -> list[Overlap]:
        """Return the overlaps that count as interruptions from ``at_ms`` on, each once."""
        decided = [overlap for overlap in self._overlaps if self._counts(overlap, at_ms)]
        for overlap in decided:
            overlap.is_decided = True
        self._overlaps[:] = [overlap for overlap in self._overlaps if self._is_alive(overlap)]
        return decided

    def known_ms(self, overlap: Overlap, at_ms: int) -> int:
        """Return the overlap that no ``end`` edge still to come can take away."""
        return overlap.duration_ms(at_ms - self._config.edge_lag_ms)

    def _counts(self, overlap: Overlap, at_ms: int) -> bool:
        is_real = overlap.has_effect and overlap.is_other_real and not overlap.is_decided
        return is_real and self.known_ms(overlap, at_ms) >= self._config.interruption_ms

    def _is_alive(self, overlap: Overlap) -> bool:
        is_long = overlap.overlap_ms >= self._config.interruption_ms
        return not overlap.is_over or (is_long and not overlap.is_decided)

    def _of(self, speaker: ChannelTurns, turn: OpenTurn) -> list[Overlap]:
        key = (speaker.channel, turn.start_ms)
        return [o for o in self._overlaps if key in (o.interrupter, o.interrupted)]


def _overlap(
    speaker: ChannelTurns,
    turn: OpenTurn,
    other: ChannelTurns,
    other_turn: OpenTurn,
    captured_at_ns: int,
) -> Overlap:
    return Overlap(
        channel=speaker.channel,
        turn_start_ms=turn.start_ms,
        other=other.channel,
        other_start_ms=other_turn.start_ms,
        at_ms=turn.speaking_since_ms,
        captured_at_ns=captured_at_ns,
        is_other_real=other_turn.is_published,
    )
