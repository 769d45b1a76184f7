"""Finalized calls of texts, without audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.base import CallContext
from schemas.turns import CallMetrics, FinalizedCall, FinalizedTurn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.base import Party

PARTIES: tuple[Party, ...] = ("agent", "customer")
TURN_MS = 10_000


def finalized_call(call_id: str, said: Sequence[tuple[Party, str]]) -> FinalizedCall:
    """Return a call whose turns are of the same length, one after the other.

    Args:
        call_id: Of the call.
        said: Who says what, by turn.
    """
    metrics = CallMetrics(
        duration_ms=len(said) * TURN_MS,
        silence_ms=0,
        silence_share=0.0,
        overlap_ms=0,
        interruptions=0,
        hold_ms=0,
        holds=0,
        turns=len(said),
        words=sum(len(text.split()) for _, text in said),
        gap_ms=0,
        channels=(),
    )
    return FinalizedCall(
        event_id=f"{call_id}/finalized",
        call_id=call_id,
        captured_at_ns=0,
        end_reason="completed",
        parties=PARTIES,
        turns=tuple(
            _turn(call_id, number, party, text) for number, (party, text) in enumerate(said)
        ),
        metrics=metrics,
        context=CallContext(),
    )


def _turn(call_id: str, number: int, party: Party, text: str) -> FinalizedTurn:
    channel, start_ms = PARTIES.index(party), number * TURN_MS
    return FinalizedTurn(
        turn_id=f"{call_id}/turn/{channel}/{start_ms}",
        channel=channel,
        party=party,
        start_ms=start_ms,
        end_ms=start_ms + TURN_MS,
        text=text,
        segment_ids=(),
    )
