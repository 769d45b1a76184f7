"""What of a finalized call goes into its analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.analytics.calendar import Calendar
    from models.analytics.turns import TemporalContext
    from schemas.base import CallContext
    from schemas.turns import FinalizedCall, FinalizedTurn

_MS_PER_S = 1_000


def spoken_turns(call: FinalizedCall) -> list[FinalizedTurn]:
    """Return the turns of a call that a model reads: those with words, acknowledgements not."""
    return [turn for turn in call.turns if turn.text.strip() and not turn.is_backchannel]


def temporal_context(context: CallContext, calendar: Calendar) -> TemporalContext:
    """Return what a call's context says of the time at which it takes place."""
    wait_s = max(0, context.queue_wait_ms) // _MS_PER_S
    return calendar.context(calendar.local(context.started_at_ns), wait_s or None)
