"""Tallies of what a call's machine set aside, for its shell to export."""

from dataclasses import dataclass, field, fields
from operator import attrgetter


@dataclass(slots=True)
class InputCounters:
    """What a machine received and did not use, or used with a doubt.

    Attributes:
        duplicates: Messages seen before.
        duplicate_mismatch: Duplicates whose content differs from what came first.
        lane_holes: Messages missing from a deterministic lane.
        late_events: Messages after the end of the call.
        missing_turns: Turns that detect_turns announced and that never came.
        models_replaced: Channels whose end-of-turn model was gone when the call was restored.
        read_again: Inputs that were done before a takeover, and ignored after it.
        late_chunks: Refused, since the audio clock had passed them.
        unconfirmed_jumps: Chunks refused because no audio around them confirmed their time.
        time_mismatches: Chunks laid at the audio clock against their own time.
        renumbered: Chunks that followed on by their time against their number.
        layout_changes: Times that the channels or the sample rate of a call changed.
    """

    duplicates: int = 0
    duplicate_mismatch: int = 0
    lane_holes: int = 0
    late_events: int = 0
    missing_turns: int = 0
    models_replaced: int = 0
    read_again: int = 0
    late_chunks: int = 0
    unconfirmed_jumps: int = 0
    time_mismatches: int = 0
    renumbered: int = 0
    layout_changes: int = 0
    _told: tuple[int, ...] = field(default=(), repr=False, compare=False)

    def gains(self) -> dict[str, int]:
        """Return by how much each kind has grown since this was asked last; only what has."""
        values = _values(self)
        if values == self._told:
            return {}
        before, self._told = self._told or (0,) * len(KINDS), values
        return {
            kind: value - told
            for kind, value, told in zip(KINDS, values, before, strict=True)
            if value > told
        }


KINDS = tuple(each.name for each in fields(InputCounters) if not each.name.startswith("_"))
_values = attrgetter(*KINDS)
