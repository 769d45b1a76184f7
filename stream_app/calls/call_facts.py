"""What is known of a call beside its words: parties, context, holds, keys pressed."""

import msgspec

from schemas.audio import CallHeld, CallResumed, CallStarted, DtmfPressed
from schemas.base import CallContext, Party
from schemas.errors import AudioFormatError
from schemas.transcripts import DtmfKey, Hold


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a call that its control messages tell; part of its checkpoint.

    Every ``with_`` method is idempotent, since after a crash the log is read again.

    Attributes:
        parties: One for each channel; empty before the first message that tells how many.
        is_started: CallStarted has come.
        held_at_ms: Begins of holds, ascending.
        resumed_at_ms: Ends of holds, ascending.
        stalled_after_seq: The last stall that was honoured, -1 before any.
    """

    parties: tuple[Party, ...] = ()
    sample_rate_hz: int = 0
    context: CallContext = CallContext()
    is_started: bool = False
    held_at_ms: tuple[int, ...] = ()
    resumed_at_ms: tuple[int, ...] = ()
    dtmf: tuple[DtmfKey, ...] = ()
    stalled_after_seq: int = -1

    @property
    def changes(self) -> int:
        """Return how many control messages they rest on; grows with each."""
        holds = len(self.held_at_ms) + len(self.resumed_at_ms)
        return self.is_started + holds + len(self.dtmf) + self.stalled_after_seq + 1

    @property
    def is_on_hold(self) -> bool:
        """Return whether the last hold has no end yet."""
        if not self.held_at_ms:
            return False
        return not self.resumed_at_ms or self.resumed_at_ms[-1] <= self.held_at_ms[-1]

    def with_start(self, message: CallStarted, *, has_audio: bool = False) -> "CallFacts":
        """Return the facts with the call's parties and context.

        Args:
            message: The call's start.
            has_audio: There was audio before it.

        Raises:
            AudioFormatError: It contradicts that audio.
        """
        if self.is_started:
            return self
        layout = (len(message.parties), message.sample_rate_hz)
        if has_audio and layout != (len(self.parties), self.sample_rate_hz):
            raise AudioFormatError("the call's start contradicts the audio before it")
        return msgspec.structs.replace(
            self,
            parties=message.parties,
            sample_rate_hz=message.sample_rate_hz,
            context=message.context,
            is_started=True,
        )

    def with_audio(self, channels: int, sample_rate_hz: int) -> "CallFacts":
        """Return the facts of a call whose start was not seen."""
        return msgspec.structs.replace(
            self, parties=("unknown",) * channels, sample_rate_hz=sample_rate_hz
        )

    def with_control(self, message: CallHeld | CallResumed | DtmfPressed) -> "CallFacts":
        """Return the facts with a hold, its end, or a key pressed."""
        if isinstance(message, CallHeld):
            return msgspec.structs.replace(self, held_at_ms=_merged(self.held_at_ms, message.at_ms))
        if isinstance(message, CallResumed):
            resumed = _merged(self.resumed_at_ms, message.at_ms)
            return msgspec.structs.replace(self, resumed_at_ms=resumed)
        key = DtmfKey(channel=message.channel, at_ms=message.at_ms, digit=message.digit)
        keys = {(k.at_ms, k.channel, k.digit): k for k in (*self.dtmf, key)}
        return msgspec.structs.replace(self, dtmf=tuple(keys[k] for k in sorted(keys)))

    def holds(self, duration_ms: int) -> tuple[Hold, ...]:
        """Return the holds, one that was never resumed until the end of the call."""
        holds: list[Hold] = []
        for start_ms in self.held_at_ms:
            if holds and start_ms < holds[-1].end_ms:
                continue
            ends = (end for end in self.resumed_at_ms if end > start_ms)
            holds.append(Hold(start_ms=start_ms, end_ms=next(ends, max(duration_ms, start_ms))))
        return tuple(holds)


def _merged(times_ms: tuple[int, ...], at_ms: int) -> tuple[int, ...]:
    return tuple(sorted({*times_ms, at_ms}))
