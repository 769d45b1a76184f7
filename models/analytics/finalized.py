"""What of a finalized call goes into its analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.turns import FinalizedCall, FinalizedTurn


def spoken_turns(call: FinalizedCall) -> list[FinalizedTurn]:
    """Return the turns of a call that a model reads: those with words, acknowledgements not."""
    return [turn for turn in call.turns if turn.text.strip() and not turn.is_backchannel]
