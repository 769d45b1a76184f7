"""State of the order of a call's chunks, and positions of its audio."""

import msgspec


def to_position(at_ms: int, rate_hz: int) -> int:
    """Return the sample, counted from the call's start, that is heard at ``at_ms``."""
    return at_ms * rate_hz // 1000


def to_ms(position: int, rate_hz: int) -> int:
    """Return the first whole millisecond at or after a sample's time."""
    return -(-position * 1000 // rate_hz)


class SequencePoint(msgspec.Struct, frozen=True, kw_only=True):
    """State of the order of a call's chunks between two inputs.

    Attributes:
        next_seq: The number that is expected.
        alt_seq: The number expected by another numbering that was seen, -1 before any.
        clock: The sample that is due, counted from the call's start.
        heard: How many samples were released.
        claimed_end: End of the last chunk by its own ``start_ms``.
        gaps: Gaps so far.
        gap_ms: Their duration.
        last_seq: Number of the last chunk that was taken in, -1 before any.
        short_ms: Its ``start_ms`` if it was shorter than chunks are, else -1.
        ahead: How far ``clock`` was ahead of the times of the chunks at most; 0 while it is little.
        longest: Duration of the longest chunk.
        joint: Audio that came with every channel in one message, up to what proves that it does.
        is_apart: Channels came in messages of their own.
        ends: Where the audio of each channel ended, if it did not at ``clock``; empty otherwise.
        tracks: The state of each channel while they are put in order apart.
    """

    next_seq: int = 0
    alt_seq: int = -1
    clock: int = 0
    heard: int = 0
    claimed_end: int = 0
    gaps: int = 0
    gap_ms: int = 0
    last_seq: int = -1
    short_ms: int = -1
    ahead: int = 0
    longest: int = 0
    joint: int = 0
    is_apart: bool = False
    ends: tuple[int, ...] = ()
    tracks: tuple["SequencePoint", ...] = ()

    def at_rate(self, rate_hz: int, new_rate_hz: int) -> "SequencePoint":
        """Return the same point in samples of another rate, on a whole millisecond."""
        if rate_hz in {0, new_rate_hz}:  # 0: nothing was heard yet
            return self
        return msgspec.structs.replace(
            self,
            clock=to_position(to_ms(self.clock, rate_hz), new_rate_hz),
            claimed_end=to_position(to_ms(self.claimed_end, rate_hz), new_rate_hz),
            ahead=to_position(to_ms(self.ahead, rate_hz), new_rate_hz),
        )
