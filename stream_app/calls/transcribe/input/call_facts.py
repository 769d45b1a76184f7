"""Facts of a call: parties, context, holds, keys pressed."""

from bisect import bisect_left, bisect_right

import msgspec

from schemas.audio import CallHeld, CallResumed, CallStarted, DtmfPressed
from schemas.base import MAX_DTMF_KEYS, MAX_HOLDS, CallContext, Party
from schemas.errors import MalformedMessageError
from schemas.transcripts import DtmfKey, Hold


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a call from its control messages; part of its checkpoint.

    Attributes:
        parties: One for each channel; empty before the number of channels is known.
        is_started: CallStarted has come: it gave parties and sample rate, not the first chunk.
        held_at_ms: Starts of holds, ascending.
        resumed_at_ms: Ends of holds, ascending.
        dtmf: Keys pressed, by time.
    """

    parties: tuple[Party, ...] = ()
    sample_rate_hz: int = 0
    context: CallContext = CallContext()
    is_started: bool = False
    held_at_ms: tuple[int, ...] = ()
    resumed_at_ms: tuple[int, ...] = ()
    dtmf: tuple[DtmfKey, ...] = ()

    @property
    def layout(self) -> tuple[int, int]:
        """Return number of channels and sample rate, zeros before they are known."""
        return len(self.parties), self.sample_rate_hz

    @property
    def spread_context(self) -> CallContext:
        """Return the context without hot words, as transcripts and turns carry it."""
        if not self.context.hot_words:
            return self.context
        return msgspec.structs.replace(self.context, hot_words=())

    @property
    def is_on_hold(self) -> bool:
        """Return whether the last hold has no end yet."""
        if not self.held_at_ms:
            return False
        return not self.resumed_at_ms or self.resumed_at_ms[-1] < self.held_at_ms[-1]

    def with_start(self, message: CallStarted) -> "CallFacts":
        """Return the facts with the call's parties and context; the first start counts."""
        if self.is_started:
            return self
        return msgspec.structs.replace(
            self,
            parties=message.parties,
            sample_rate_hz=message.sample_rate_hz,
            context=message.context,
            is_started=True,
        )

    def with_audio(self, channels: int, sample_rate_hz: int) -> "CallFacts":
        """Return the facts of a call whose start was not seen, with the layout of its audio."""
        return msgspec.structs.replace(
            self, parties=("unknown",) * channels, sample_rate_hz=sample_rate_hz
        )

    def with_control(self, message: CallHeld | CallResumed | DtmfPressed) -> "CallFacts":
        """Return the facts with a hold, its end, or a key pressed.

        Raises:
            MalformedMessageError: There are more of them than a call can have.
        """
        if isinstance(message, CallHeld):
            return msgspec.structs.replace(self, held_at_ms=_merged(self.held_at_ms, message.at_ms))
        if isinstance(message, CallResumed):
            return msgspec.structs.replace(self, resumed_at_ms=self._resumed(message.at_ms))
        key = DtmfKey(channel=message.channel, at_ms=message.at_ms, digit=message.digit)
        return msgspec.structs.replace(self, dtmf=_with_key(self.dtmf, key))

    def holds(self, duration_ms: int) -> tuple[Hold, ...]:
        """Return the holds within a call, one that was never resumed until its end.

        A gateway whose audio clock stands still on hold tells both ends at one time.
        """
        holds: list[Hold] = []
        for start_ms in self.held_at_ms:
            if holds and start_ms < holds[-1].end_ms:
                continue
            index = bisect_left(self.resumed_at_ms, start_ms)
            end_ms = (*self.resumed_at_ms[index : index + 1], max(duration_ms, start_ms))[0]
            holds.append(Hold(start_ms=start_ms, end_ms=end_ms))
        return tuple(_within(hold, duration_ms) for hold in holds)

    def held_ms(self, start_ms: int, end_ms: int) -> int:
        """Return how much of a stretch of the call was on hold, as far as is known."""
        if not self.held_at_ms:
            return 0
        holds = self.holds(end_ms)
        return sum(max(hold.end_ms - max(hold.start_ms, start_ms), 0) for hold in holds)

    def _resumed(self, at_ms: int) -> tuple[int, ...]:
        """Return the ends of holds with another one; it ends a hold that seems to begin later."""
        if at_ms in self.resumed_at_ms:
            return self.resumed_at_ms
        resumed = _merged(self.resumed_at_ms, at_ms)
        is_before = self.is_on_hold and at_ms < self._open_since_ms
        return _merged(resumed, self._open_since_ms) if is_before else resumed

    @property
    def _open_since_ms(self) -> int:
        """Return the start of the hold that has no end yet."""
        if not self.resumed_at_ms:
            return self.held_at_ms[0]
        return self.held_at_ms[bisect_right(self.held_at_ms, self.resumed_at_ms[-1])]


def _within(hold: Hold, duration_ms: int) -> Hold:
    start_ms, end_ms = (min(max(ms, 0), duration_ms) for ms in (hold.start_ms, hold.end_ms))
    return Hold(start_ms=start_ms, end_ms=end_ms)


def _merged(times_ms: tuple[int, ...], at_ms: int) -> tuple[int, ...]:
    index = bisect_left(times_ms, at_ms)
    if times_ms[index : index + 1] == (at_ms,):
        return times_ms
    if len(times_ms) >= MAX_HOLDS:
        raise MalformedMessageError(f"a call has at most {MAX_HOLDS} holds")
    return (*times_ms[:index], at_ms, *times_ms[index:])


def _with_key(keys: tuple[DtmfKey, ...], key: DtmfKey) -> tuple[DtmfKey, ...]:
    index = bisect_left(keys, _order(key), key=_order)
    if keys[index : index + 1] == (key,):
        return keys
    if len(keys) >= MAX_DTMF_KEYS:
        raise MalformedMessageError(f"a call has at most {MAX_DTMF_KEYS} keys pressed")
    return (*keys[:index], key, *keys[index:])


def _order(key: DtmfKey) -> tuple[int, int, str]:
    return key.at_ms, key.channel, key.digit
