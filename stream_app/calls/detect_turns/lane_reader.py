"""The deterministic lane of a call as it is read: new messages, duplicates and holes."""

from collections.abc import Mapping

import msgspec

from schemas.transcripts import CallSummary, SpeechActivity, TranscriptFinal
from stream_app.calls.counters import CallCounters

REMEMBERED = 256  # messages of each channel whose content is compared with their duplicates

LaneMessage = SpeechActivity | TranscriptFinal


class LaneReader:
    """Distinguishes new messages from duplicates, and counts holes.

    A checkpoint is not written for a tick that changes nothing, so the numbers of a restored
    reader may lie behind by such ticks: the first jump of each channel after a restore does not
    count as a hole.

    Args:
        counters: Where duplicates, mismatches and holes are counted.
        next_seqs: Next number of each channel, from a checkpoint.
    """

    def __init__(self, counters: CallCounters, next_seqs: Mapping[str, int] | None = None) -> None:
        self._counters = counters
        self._next_seqs = {int(channel): seq for channel, seq in (next_seqs or {}).items()}
        self._inexact = set(self._next_seqs)
        self._contents: dict[int, dict[int, int]] = {}

    def next_seqs(self) -> dict[str, int]:
        """Return the next number of each channel, as a checkpoint carries it."""
        return {str(channel): seq for channel, seq in sorted(self._next_seqs.items())}

    def accept(self, message: LaneMessage) -> bool:
        """Return whether ``message`` is new, and remember it."""
        channel, seq = message.channel, message.lane_seq
        expected = self._next_seqs.get(channel, 0)
        content = hash(msgspec.structs.replace(message, captured_at_ns=0))
        contents = self._contents.setdefault(channel, {})
        if seq < expected:
            self._counters.duplicates += 1
            self._counters.duplicate_mismatch += contents.get(seq, content) != content
            return False
        self._count_hole(channel, seq - expected)
        self._next_seqs[channel] = seq + 1
        contents[seq] = content
        if len(contents) > REMEMBERED:
            del contents[next(iter(contents))]
        return True

    def check_end(self, summary: CallSummary) -> None:
        """Count what is missing at the end of the lanes of a call."""
        for channel, length in enumerate(summary.lane_seqs):
            self._count_hole(channel, length - self._next_seqs.get(channel, 0))

    def _count_hole(self, channel: int, missing: int) -> None:
        if missing <= 0:
            return
        if channel in self._inexact:
            self._inexact.discard(channel)
        else:
            self._counters.lane_holes += missing
