"""The state of a call of `detect_turns`, as a checkpoint holds it."""

import msgspec

from schemas.base import CallContext
from stream_app.calls.detect_turns.overlap import Overlap
from stream_app.calls.detect_turns.turn_state import ChannelTurns


class CallState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The turns of a call, and how far its lane was read.

    Attributes:
        next_seqs: Next number of each channel's lane.
        turns: How many published turns have ended.
        changes: How many messages changed this state.
        is_doubtful: The words of a party do not look like the language that they were decoded as.
        context: Of the call, as its latest final has it.
    """

    channels: list[ChannelTurns] = []
    overlaps: list[Overlap] = []
    next_seqs: dict[str, int] = {}
    turns: int = 0
    changes: int = 0
    is_doubtful: bool = False
    context: CallContext = CallContext()
